import type { AnswerBudget } from '../../lib/engine.ts'
import { SqsError } from './errors.ts'
import { type SqsEndpointParts, sqsExchange } from './exchange.ts'
import type { SqsAnswer, SqsRequest } from './request.ts'
import { bodyChunks, checkLength } from './request-body.ts'
import { isSqsRequest, sqsFailure } from './sqs-request.ts'

export type { SqsEndpointParts } from './exchange.ts'

export interface SqsRequestContext {
  /** Aborts when the request has to be answered at once, or the caller has disconnected. @default the request's signal */
  readonly signal?: AbortSignal
  /** @default a new UUID */
  readonly requestId?: string
  /** Bounds the bytes of messages in answers. @default no bound */
  readonly answerBudget?: AnswerBudget | undefined
}

export type SqsEndpoint = (request: Request, context?: SqsRequestContext) => Promise<Response>

/** The SQS endpoint for web requests. */
export const sqsEndpoint = (parts: SqsEndpointParts): SqsEndpoint => {
  const exchange = sqsExchange(parts)
  return async (request, { requestId, ...context } = {}) =>
    responseOf(await exchange(ofWeb(request, context), requestId))
}

const ofWeb = (request: Request, { signal, answerBudget }: SqsRequestContext): SqsRequest => {
  const { url: text } = request
  let url: URL | undefined
  return {
    method: request.method,
    path: PATH.exec(text)?.[1] ?? '/',
    secure: text.startsWith('https:'),
    url: () => {
      url ??= new URL(text)
      return url
    },
    header: headerOf(request),
    answerBudget,
    body: () => readBody(request).catch(failBody),
    get signal() {
      return signal ?? request.signal
    },
  }
}

/** Most requests need nothing of their URL but the path, and parsing all of it takes several times as long. */
const PATH = /^[^:]+:\/\/[^/?#]*([^?#]*)/

const headerOf =
  ({ headers }: Request): SqsRequest['header'] =>
  (name) =>
    headers.get(name) ?? undefined

/** Whether a request is of the SQS protocol. `target` is its path and query as it was sent. */
export const isForSqs = (request: Request, target: string): boolean => isSqsRequest(headerOf(request), target)

/** Refuses a request before the endpoint has seen it, in the shape of the request's own protocol. */
export const refuseSqsRequest = (request: Request, error: SqsError, requestId: string): Response =>
  responseOf(sqsFailure(error, headerOf(request), requestId))

const readBody = async (request: Request): Promise<Buffer> => {
  if (request.method === 'GET' || request.method === 'HEAD') return Buffer.alloc(0)
  const length = request.headers.get('content-length')
  checkLength(length ?? undefined)
  // HTTP servers pass on at most the stated length. Reading `body` in chunks would take twice as long.
  if (length !== null) return Buffer.from(await request.arrayBuffer())
  const chunks = bodyChunks()
  if (request.body) for await (const chunk of request.body) chunks.add(chunk)
  return chunks.whole()
}

/** A body fails to be read only when its client ends the connection in the middle of it: no fault of this server. */
const failBody = (cause: unknown): never => {
  if (cause instanceof SqsError) throw cause
  throw new SqsError('IncompleteBody', 'The connection ended before the whole request was read.', { cause })
}

const responseOf = ({ body, ...head }: SqsAnswer): Response => new Response(body, head)
