import { randomUUID } from 'node:crypto'
import type { Engine } from '../../lib/engine.ts'
import type { Log } from '../runtime/log.ts'
import type { WakeRedrive } from '../runtime/redrives.ts'
import type { Answered } from '../runtime/usage.ts'
import { isUtf8Encoded, utf8Text } from '../runtime/utf8.ts'
import { type Access, accountOf, authorize, authorizeListing, sendableQueues } from './access.ts'
import { actionNamed } from './actions.ts'
import type { ActionContext, Cooldowns } from './context.ts'
import { scopes } from './credential.ts'
import { SqsError, toSqsError } from './errors.ts'
import { checkJsonBounds, decodeJson, jsonAction, jsonAnswer } from './json-protocol.ts'
import { type ActionName, isAction, MODEL } from './model.ts'
import {
  checkGivenOnce,
  decodeQuery,
  parameter,
  parseParameters,
  queryAnswer,
  unknownOperation,
} from './query-protocol.ts'
import { accountAndName, callerOrigin, type QueueNames, queueNames, type Scope, sharedQueueNames } from './queue-url.ts'
import type { SqsAnswer, SqsRequest } from './request.ts'
import type { StructureShape } from './shapes.ts'
import type { Authenticator, Principal } from './sigv4.ts'
import { isJson, sqsFailure, wantsJson } from './sqs-request.ts'
import { senderTraceHeader } from './trace-header.ts'

export interface SqsEndpointParts {
  readonly engine: Engine
  /** Verifies signatures. @default none is verified, and every caller may do everything */
  readonly authenticate?: Authenticator
  /** Where callers reach this endpoint, e.g. `https://sqs.example.com`. @default the origin that each request was sent to */
  readonly publicUrl?: string
  /**
   * Whether queue URLs are built from a proxy's `X-Forwarded-Host`, `-Proto` and `-Port`. Nothing else uses these
   * headers. @default true
   */
  readonly forwarded?: boolean
  /** The account and region whose queues have plain names in the HTTP API. @default 000000000000, us-east-1 */
  readonly home?: Scope
  /**
   * Whether the clients of every account and region meet the same queues. Without effect where callers are authenticated:
   * keys and policies name accounts and regions. @default each account and region has queues of its own
   */
  readonly sharedScopes?: boolean
  /**
   * Whether SQS's 60 seconds apply before a deleted queue's name can be used again, and between two purges.
   * @default both
   */
  readonly cooldowns?: Cooldowns
  /** Hands a redrive that was started to a worker. */
  readonly redrives: WakeRedrive
  /** @default requests and failures are not logged */
  readonly log?: Log
  /** Called once for each request that sent, received or settled messages. */
  readonly answered?: (answered: Answered) => void
}

export type SqsExchange = (request: SqsRequest, requestId?: string) => Promise<SqsAnswer>

/** How one request is decoded and answered. */
interface Protocol {
  readonly action: ActionName
  decode(shape: StructureShape): object
  answer(shape: StructureShape, output: Readonly<Record<string, unknown>>): SqsAnswer
}

/**
 * The SQS protocol on a queue engine: an SDK of AWS, of the JSON protocol or of the older query protocol, uses it with
 * this endpoint. Every path is accepted, because the request names the action and the queue.
 */
export const sqsExchange = (parts: SqsEndpointParts): SqsExchange => {
  const names = queueNames(parts.home)
  const surroundings = { parts, names, scope: scopes(names.home) }
  return async (request, requestId = randomUUID()) => {
    const json = isJson(request.header)
    const startedAt = performance.now()
    let action: string | undefined
    const report = (answer: SqsAnswer): SqsAnswer => {
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10
      parts.log?.info('request', { requestId, action, status: answer.status, durationMs })
      return answer
    }
    try {
      const body = await request.body()
      const protocol = json
        ? inJson(request, textOf(body), requestId)
        : inQuery(request, textOf(body), {
            requestId,
            asJson: wantsJson(request.header),
            signed: parts.authenticate !== undefined,
          })
      if ('status' in protocol) return report(protocol)
      action = protocol.action
      const principal = parts.authenticate && (await parts.authenticate(request, body))
      return report(await perform(surroundings, protocol, { request, requestBytes: body.byteLength, principal }))
    } catch (error) {
      const failure = toSqsError(error)
      if (failure.fault === 'Receiver') {
        parts.log?.error('a request failed', { requestId, action, error })
      }
      return report(sqsFailure(failure, request.header, requestId))
    }
  }
}

interface Arrived {
  readonly request: SqsRequest
  readonly requestBytes: number
  readonly principal: Principal | undefined
}

const perform = async (
  surroundings: Surroundings,
  protocol: Protocol,
  { request, requestBytes, principal }: Arrived,
): Promise<SqsAnswer> => {
  let counted: Omit<Answered, 'bytes'> | undefined
  const count: ActionContext['count'] = ({ name: queue }, counts) => {
    counted = { queue, counted: counts }
  }
  const context = { ...contextOf(surroundings, request, protocol.action, principal), count }
  const { input, output } = MODEL[protocol.action]
  const answer = protocol.answer(output, await actionNamed(protocol.action)(context, protocol.decode(input)))
  if (counted) surroundings.parts.answered?.({ ...counted, bytes: Math.max(requestBytes, answer.body.length) })
  return answer
}

const inJson = (request: SqsRequest, body: string, requestId: string): Protocol => {
  if (request.method !== 'POST') throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  const target = request.header('x-amz-target')
  if (!target) throw new SqsError('MissingAction', 'The request must contain the header X-Amz-Target.')
  const action = jsonAction(target)
  checkJsonBounds(body)
  if (!isAction(action)) throw new SqsError('InvalidAction', `The action ${action} is not valid for this endpoint.`)
  return {
    action,
    decode: (shape) => decodeJson(shape, body),
    answer: (_, output) => jsonAnswer(output, requestId),
  }
}

/** @throws `InvalidMessageContents` for bytes that are not UTF-8, wherever in the request they are */
const textOf = (body: Buffer): string => {
  const text = utf8Text(body)
  if (text === undefined) throw notUtf8()
  return text
}

const notUtf8 = (): SqsError =>
  new SqsError(
    'InvalidMessageContents',
    'The request contains bytes that are not UTF-8. Send binary data as a message attribute of type Binary, or as base64.',
  )

const FORM = 'application/x-www-form-urlencoded'

const inQuery = (
  request: SqsRequest,
  body: string,
  answer: { requestId: string; asJson: boolean; signed: boolean },
): Protocol | SqsAnswer => {
  if (request.method !== 'POST' && request.method !== 'GET') {
    throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  }
  const form = (request.header('content-type') ?? FORM).startsWith(FORM)
  const { search, searchParams } = request.url()
  if (!isUtf8Encoded(search) || (form && !isUtf8Encoded(body))) throw notUtf8()
  const parameters = parseParameters(form ? body : '', searchParams)
  if (answer.signed) checkGivenOnce(form ? body : '', searchParams)
  const action = parameter(parameters, 'Action')
  if (action === undefined) return unknownOperation(answer.requestId)
  // At the URL of a queue SQS has only the actions of a queue.
  const ofAccount = action === 'CreateQueue' || action === 'ListQueues'
  if (!isAction(action) || (ofAccount && accountAndName(request.path))) {
    throw new SqsError('InvalidAction', `The action ${action.slice(0, 100)} is not valid for this endpoint.`)
  }
  return {
    action,
    decode: (shape) => decodeQuery(shape, parameters),
    answer: (shape, output) => queryAnswer(action, shape, output, answer),
  }
}

/** What all requests share. */
interface Surroundings {
  readonly parts: SqsEndpointParts
  readonly names: QueueNames
  readonly scope: (request: SqsRequest) => Scope
}

const contextOf = (
  { parts, names, scope }: Surroundings,
  request: SqsRequest,
  action: ActionName,
  principal: Principal | undefined,
): Omit<ActionContext, 'count'> => {
  const { answerBudget } = request
  const engine = answerBudget ? { ...parts.engine, answerBudget } : parts.engine
  const access: Access | undefined = principal && {
    engine,
    names,
    principal,
    secure: request.secure,
  }
  const own = principal && { account: accountOf(principal, names.home), region: principal.region }
  const caller = own ?? scope(request)
  return {
    engine,
    names: parts.sharedScopes && !parts.authenticate ? sharedQueueNames(caller) : names,
    cooldowns: parts.cooldowns ?? ALL_COOLDOWNS,
    signal: request.signal,
    scope: caller,
    senderId: principal?.key.accessKeyId,
    traceHeader: senderTraceHeader(request.header('x-amzn-trace-id')),
    pathQueue: accountAndName(request.path) ? request.path : undefined,
    queueUrl: ({ account, name }) => `${originOf(parts, request)}/${account}/${name}`,
    authorize: access && ((queue, other) => authorize(access, other ?? action, queue)),
    sendableQueues: access && ((queues) => sendableQueues(access, queues)),
    authorizeListing: access && own && (() => authorizeListing(access, own)),
    startRedrive: parts.redrives,
  }
}

const originOf = ({ publicUrl, forwarded = true }: SqsEndpointParts, request: SqsRequest): string =>
  publicUrl?.replace(/\/+$/, '') ?? (forwarded ? callerOrigin(request) : request.url().origin)

const ALL_COOLDOWNS: Cooldowns = { recreation: true, purge: true }
