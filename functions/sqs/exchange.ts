import { randomUUID } from 'node:crypto'
import type { Engine } from '../../lib/engine.ts'
import type { Log } from '../log.ts'
import type { WakeRedrive } from '../redrives.ts'
import { type Access, accountOf, authorize, authorizeListing } from './access.ts'
import { actionNamed } from './actions.ts'
import type { ActionContext, Cooldowns, Counted } from './context.ts'
import { credentialOf, scopeOf } from './credential.ts'
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
import { accountAndName, callerOrigin, DEFAULT_SCOPE, type QueueNames, queueNames, type Scope } from './queue-url.ts'
import type { SqsAnswer, SqsRequest } from './request.ts'
import type { StructureShape } from './shapes.ts'
import type { Authenticator } from './sigv4.ts'

export interface SqsEndpointParts {
  readonly engine: Engine
  /** Verifies who sends a request. @default anyone may do anything */
  readonly authenticate?: Authenticator
  /** Where callers reach this endpoint, e.g. `https://sqs.example.com`. @default as each request says it was addressed */
  readonly publicUrl?: string
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
      const context = await contextOf({ parts, names, request, body }, protocol.action)
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
  request.header('x-amz-target') !== undefined ||
  (request.header('content-type') ?? '').startsWith(JSON_CONTENT_TYPE)

const inJson = (request: SqsRequest, body: string, requestId: string): Protocol => {
  if (request.method !== 'POST') throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  const target = request.header('x-amz-target')
  if (!target) throw new SqsError('MissingAction', 'The request must contain the header X-Amz-Target.')
  const action = jsonAction(target) ?? target.slice(0, 100)
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
  const parameters = parseParameters(form ? body : '', request.url.searchParams)
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

interface Incoming {
  readonly parts: SqsEndpointParts
  readonly names: QueueNames
  readonly request: SqsRequest
  readonly body: Buffer
}

const contextOf = async (incoming: Incoming, action: ActionName): Promise<ActionContext> => {
  const { parts, names, request, body } = incoming
  const {
    engine,
    authenticate,
    redrives,
    publicUrl,
    home = DEFAULT_SCOPE,
    cooldowns = { recreation: true, purge: true },
  } = parts
  const origin = () => publicUrl?.replace(/\/+$/, '') ?? callerOrigin(request)
  const principal = await authenticate?.(request, body)
  const access: Access | undefined = principal && {
    engine,
    names,
    principal,
    secure: callerOrigin(request).startsWith('https:'),
  }
  return {
    engine,
    names,
    cooldowns,
    signal: request.signal,
    scope: principal
      ? { account: accountOf(principal, home), region: principal.region }
      : scopeOf(credentialOf(request), home),
    senderId: principal?.key.accessKeyId,
    traceHeader: instrumented(request.header('x-amzn-trace-id')),
    pathQueue: accountAndName(request.path) ? request.path : undefined,
    queueUrl: ({ account, name }) => `${origin()}/${account}/${name}`,
    authorize: async (queue, other) => {
      if (access) await authorize(access, other ?? action, queue)
    },
    authorizeListing: () => {
      if (access)
        authorizeListing(access, { account: accountOf(access.principal, home), region: access.principal.region })
    },
    startRedrive: redrives,
    count: parts.counted ?? ignore,
  }
}

const ignore = () => {}

/** A trace header that an instrumented sender set. Load balancers and gateways put one on every request: it names no parent. */
const instrumented = (header: string | undefined): string | undefined =>
  header && header.length <= 500 && header.includes('Parent=') ? header : undefined
