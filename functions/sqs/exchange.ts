import { randomUUID } from 'node:crypto'
import type { Engine } from '../../lib/engine.ts'
import type { Log } from '../runtime/log.ts'
import type { WakeRedrive } from '../runtime/redrives.ts'
import { type Access, accountOf, authorize, authorizeListing, sendableQueues } from './access.ts'
import { actionNamed } from './actions.ts'
import type { ActionContext, Cooldowns, Counted } from './context.ts'
import { scopes } from './credential.ts'
import { SqsError, toSqsError } from './errors.ts'
import { decodeJson, JSON_CONTENT_TYPE, jsonAction, jsonAnswer, jsonFailure } from './json-protocol.ts'
import { type ActionName, isAction, MODEL } from './model.ts'
import {
  decodeQuery,
  parameter,
  parseParameters,
  queryAnswer,
  queryFailure,
  unknownOperation,
} from './query-protocol.ts'
import { accountAndName, callerOrigin, type QueueNames, queueNames, type Scope } from './queue-url.ts'
import type { SqsAnswer, SqsRequest } from './request.ts'
import type { StructureShape } from './shapes.ts'
import type { Authenticator, Principal } from './sigv4.ts'

export interface SqsEndpointParts {
  readonly engine: Engine
  /** Verifies who sends a request. @default anyone may do anything */
  readonly authenticate?: Authenticator
  /** Where callers reach this endpoint, e.g. `https://sqs.example.com`. @default as each request says it was addressed */
  readonly publicUrl?: string
  /**
   * Whether the addresses of queues are made from what a proxy says it was asked for (`X-Forwarded-Host`, `-Proto`,
   * `-Port`); nothing else ever is. @default true
   */
  readonly forwarded?: boolean
  /** The account and region whose queues have plain names in the native API. @default 000000000000, us-east-1 */
  readonly home?: Scope
  /**
   * Whether the 60 seconds of SQS pass before a deleted queue's name can be used again, and between two purges.
   * @default both
   */
  readonly cooldowns?: Cooldowns
  /** Sees to it that a redrive which was just started is worked on. */
  readonly redrives: WakeRedrive
  /** @default nobody hears of requests and failures */
  readonly log?: Log
  /** Called with what an action did. */
  readonly counted?: (counted: Counted) => void
}

export type SqsExchange = (request: SqsRequest, requestId?: string) => Promise<SqsAnswer>

/** How one request is understood and answered. */
interface Protocol {
  readonly action: ActionName
  decode(shape: StructureShape): object
  answer(shape: StructureShape, output: Readonly<Record<string, unknown>>): SqsAnswer
}

/**
 * The SQS service on a queue engine: any SDK of AWS, of the JSON protocol or of the older query protocol, works on it
 * by changing its endpoint. Whatever path a request comes to: the action and the queue are in the request itself.
 */
export const sqsExchange = (parts: SqsEndpointParts): SqsExchange => {
  const names = queueNames(parts.home)
  const surroundings = { parts, names, scope: scopes(names.home) }
  return async (request, requestId = randomUUID()) => {
    const json = isJson(request)
    const asJson = !json && (request.header('accept') ?? '').includes('application/json')
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
        ? inJson(request, body.toString(), requestId)
        : inQuery(request, body.toString(), { requestId, asJson })
      if ('status' in protocol) return report(protocol)
      action = protocol.action
      const principal = parts.authenticate && (await parts.authenticate(request, body))
      const context = contextOf(surroundings, request, protocol.action, principal)
      const { input, output } = MODEL[protocol.action]
      const result = await actionNamed(protocol.action)(context, protocol.decode(input))
      return report(protocol.answer(output, result))
    } catch (error) {
      const failure = toSqsError(error)
      if (failure.fault === 'Receiver') {
        parts.log?.error('a request failed', { requestId, action, error })
      }
      return report(json ? jsonFailure(failure, requestId) : queryFailure(failure, { requestId, asJson }))
    }
  }
}

const isJson = (request: SqsRequest): boolean =>
  request.header('x-amz-target') !== undefined || (request.header('content-type') ?? '').startsWith(JSON_CONTENT_TYPE)

const inJson = (request: SqsRequest, body: string, requestId: string): Protocol => {
  if (request.method !== 'POST') throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  const target = request.header('x-amz-target')
  if (!target) throw new SqsError('MissingAction', 'The request must contain the header X-Amz-Target.')
  const action = jsonAction(target)
  if (!isAction(action)) throw new SqsError('InvalidAction', `The action ${action} is not valid for this endpoint.`)
  return {
    action,
    decode: (shape) => decodeJson(shape, body),
    answer: (_, output) => jsonAnswer(output, requestId),
  }
}

const FORM = 'application/x-www-form-urlencoded'

const inQuery = (
  request: SqsRequest,
  body: string,
  answer: { requestId: string; asJson: boolean },
): Protocol | SqsAnswer => {
  if (request.method !== 'POST' && request.method !== 'GET') {
    throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  }
  const form = (request.header('content-type') ?? FORM).startsWith(FORM)
  const parameters = parseParameters(form ? body : '', request.url().searchParams)
  const action = parameter(parameters, 'Action')
  if (action === undefined) return unknownOperation(answer.requestId)
  // On a queue's own URL there are only its own actions.
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

/** What stays the same from request to request. */
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
): ActionContext => {
  const { engine } = parts
  const access: Access | undefined = principal && {
    engine,
    names,
    principal,
    secure: request.secure,
  }
  const own = principal && { account: accountOf(principal, names.home), region: principal.region }
  return {
    engine,
    names,
    cooldowns: parts.cooldowns ?? ALL_COOLDOWNS,
    signal: request.signal,
    scope: own ?? scope(request),
    senderId: principal?.key.accessKeyId,
    traceHeader: instrumented(request.header('x-amzn-trace-id')),
    pathQueue: accountAndName(request.path) ? request.path : undefined,
    queueUrl: ({ account, name }) => `${originOf(parts, request)}/${account}/${name}`,
    authorize: access && ((queue, other) => authorize(access, other ?? action, queue)),
    sendableQueues: access && ((queues) => sendableQueues(access, queues)),
    authorizeListing: access && own && (() => authorizeListing(access, own)),
    startRedrive: parts.redrives,
    count: parts.counted ?? ignore,
  }
}

const originOf = ({ publicUrl, forwarded = true }: SqsEndpointParts, request: SqsRequest): string =>
  publicUrl?.replace(/\/+$/, '') ?? (forwarded ? callerOrigin(request) : request.url().origin)

const ALL_COOLDOWNS: Cooldowns = { recreation: true, purge: true }
const ignore = () => {}

/** A trace header that the sender set. Load balancers and gateways put one on every request: it names a root and no more. */
const instrumented = (header: string | undefined): string | undefined =>
  header && header.length <= 500 && !/^(Self=[^;]*;)?Root=[^;]*$/.test(header) ? header : undefined
