import { type SqsEndpointParts, sqsExchange } from './exchange.ts'
import type { SqsAnswer, SqsRequest } from './request.ts'
import { bodyChunks, checkLength } from './request-body.ts'

export type { SqsEndpointParts } from './exchange.ts'

export interface SqsRequestContext {
  /** Aborts when the request has to be answered at once, or the caller has disconnected. @default the request's signal */
  readonly signal?: AbortSignal
  /** @default a new UUID */
  readonly requestId?: string
}

export type SqsEndpoint = (request: Request, context?: SqsRequestContext) => Promise<Response>

/** The SQS endpoint for web requests. */
export const sqsEndpoint = (parts: SqsEndpointParts): SqsEndpoint => {
  const exchange = sqsExchange(parts)
  return async (request, { signal, requestId } = {}) => responseOf(await exchange(ofWeb(request, signal), requestId))
}

const ofWeb = (request: Request, signal: AbortSignal | undefined): SqsRequest => {
  const url = new URL(request.url)
  return {
    method: request.method,
    path: url.pathname,
    secure: url.protocol === 'https:',
    url: () => url,
    header: (name) => request.headers.get(name) ?? undefined,
    body: () => readBody(request),
    get signal() {
      return signal ?? request.signal
    },
  }
}

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

const responseOf = ({ body, ...head }: SqsAnswer): Response => new Response(body, head)
