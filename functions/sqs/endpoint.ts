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
import { readBody } from './request-body.ts'
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

export interface SqsRequestContext {
  /** Aborts when an answer is due now, whatever the state of the request. */
  readonly signal?: AbortSignal
  /** @default a new UUID */
  readonly requestId?: string
}

export type SqsEndpoint = (request: Request, context?: SqsRequestContext) => Promise<Response>

/** How one request is understood and answered. */
interface Protocol {
  readonly action: ActionName
  decode(shape: StructureShape): object
  answer(shape: StructureShape, output: Readonly<Record<string, unknown>>): Response
}

/**
 * The SQS service on a queue engine: any SDK of AWS, of the JSON protocol or of the older query protocol, works on it
 * by changing its endpoint. Whatever path a request comes to: the action and the queue are in the request itself.
 */
export const sqsEndpoint = (parts: SqsEndpointParts): SqsEndpoint => {
  const names = queueNames(parts.home)
  return async (request, { signal, requestId = randomUUID() } = {}) => {
    const url = new URL(request.url)
    const json = isJson(request.headers)
    const asJson = !json && (request.headers.get('accept') ?? '').includes('application/json')
    const startedAt = performance.now()
    let action: string | undefined
    const report = (response: Response): Response => {
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10
      parts.log?.info('request', { requestId, action, status: response.status, durationMs })
      return response
    }
    try {
      const body = await readBody(request, parts.authenticate !== undefined)
      const protocol = json
        ? inJson(request, body.text, requestId)
        : inQuery(request, url, body.text, { requestId, asJson })
      if (protocol instanceof Response) return report(protocol)
      action = protocol.action
      const context = await contextOf({ parts, names, request, url, bytes: body.bytes, signal }, protocol.action)
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

const isJson = (headers: Headers): boolean =>
  headers.has('x-amz-target') || (headers.get('content-type') ?? '').startsWith(JSON_CONTENT_TYPE)

const inJson = (request: Request, body: string, requestId: string): Protocol => {
  if (request.method !== 'POST') throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  const target = request.headers.get('x-amz-target')
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
  request: Request,
  url: URL,
  body: string,
  answer: { requestId: string; asJson: boolean },
): Protocol | Response => {
  if (request.method !== 'POST' && request.method !== 'GET') {
    throw new SqsError('InvalidAction', `${request.method} requests are not supported.`)
  }
  const form = (request.headers.get('content-type') ?? FORM).startsWith(FORM)
  const parameters = parseParameters(form ? body : '', url.searchParams)
  const action = parameter(parameters, 'Action')
  if (action === undefined) return unknownOperation(answer.requestId)
  // On a queue's own URL there are only its own actions.
  const ofAccount = action === 'CreateQueue' || action === 'ListQueues'
  if (!isAction(action) || (ofAccount && accountAndName(url.pathname))) {
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
  readonly request: Request
  readonly url: URL
  readonly bytes: Uint8Array
  /** Beside the request's own. */
  readonly signal: AbortSignal | undefined
}

const contextOf = async (incoming: Incoming, action: ActionName): Promise<ActionContext> => {
  const { parts, names, request, url, bytes, signal } = incoming
  const {
    engine,
    authenticate,
    redrives,
    publicUrl,
    home = DEFAULT_SCOPE,
    cooldowns = { recreation: true, purge: true },
  } = parts
  const { headers, method } = request
  const origin = () => publicUrl?.replace(/\/+$/, '') ?? callerOrigin(url, headers)
  const principal = await authenticate?.({ method, url, headers, body: bytes })
  const access: Access | undefined = principal && {
    engine,
    names,
    principal,
    secure: callerOrigin(url, headers).startsWith('https:'),
  }
  return {
    engine,
    names,
    cooldowns,
    // Made only for who looks at it: most actions do not wait.
    get signal() {
      return signal ? AbortSignal.any([signal, request.signal]) : request.signal
    },
    scope: principal
      ? { account: accountOf(principal, home), region: principal.region }
      : scopeOf(credentialOf(url, headers), home),
    senderId: principal?.key.accessKeyId,
    traceHeader: instrumented(headers.get('x-amzn-trace-id')),
    pathQueue: accountAndName(url.pathname) ? url.pathname : undefined,
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
const instrumented = (header: string | null): string | undefined =>
  header && header.length <= 500 && header.includes('Parent=') ? header : undefined
