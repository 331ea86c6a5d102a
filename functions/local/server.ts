import { createServer, type Server } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { App } from '../http/app.ts'
import type { SqsEndpoint } from '../sqs/endpoint.ts'

export interface ServerParts {
  readonly host: string
  readonly port: number
  readonly app: App
  readonly sqs: SqsEndpoint
  /** The document that `/openapi.json` answers; made when first asked for. */
  readonly openApi: () => unknown
}

export interface LocalServer {
  readonly host: string
  readonly port: number
  /** Takes no more requests, ends the waiting of polls, and resolves when every request is answered. */
  stop(): Promise<void>
}

/** Clients keep connections for as long as a minute; one closed under their hands costs them an error. */
const KEEP_ALIVE_MS = 75_000
/** How long requests under way may take when the server is to end. */
const LAST_REQUESTS_MS = 5_000

/** HTTP API, SQS endpoint, and what a local server has beside them, on one port. */
export const startServer = async ({ host, port, app, sqs, openApi }: ServerParts): Promise<LocalServer> => {
  const waiting = new Map<HttpBindings['outgoing'], AbortController>()
  let stopping = false

  const respond = (request: Request, { outgoing }: HttpBindings): Response | Promise<Response> => {
    const ending = new AbortController()
    if (stopping) ending.abort()
    waiting.set(outgoing, ending)
    outgoing.once('close', () => {
      waiting.delete(outgoing)
      // The caller went away without an answer.
      if (!outgoing.writableFinished) ending.abort()
    })
    const path = pathOf(request.url)
    const { signal } = ending
    if (path === '/queues' || path.startsWith('/queues/')) return app.fetch(request, { signal })
    if (request.method === 'GET' && path === '/health') return json({ status: 'ok' })
    if (request.method === 'GET' && path === '/openapi.json') return json(openApi())
    return sqs(request, { signal })
  }

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, getRequestListener(respond as never))
  await listening(server, host, port)
  const address = server.address()
  return {
    host,
    port: typeof address === 'object' && address ? address.port : port,
    stop: () =>
      new Promise((resolve) => {
        stopping = true
        const timer = setTimeout(() => server.closeAllConnections(), LAST_REQUESTS_MS)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
        for (const [outgoing, ending] of waiting) {
          // A connection kept alive would keep the server alive.
          if (!outgoing.headersSent) outgoing.shouldKeepAlive = false
          ending.abort()
        }
        server.closeIdleConnections()
      }),
  }
}

const listening = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} of ${host} is in use: choose another with --port`)
          : error,
      )
    })
    server.listen(port, host, resolve)
  })

/** The path of an absolute URL, without the cost of parsing all of it. */
const pathOf = (url: string): string => {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.slice(start).search(/[?#]/)
  return end < 0 ? url.slice(start) : url.slice(start, start + end)
}

const json = (body: unknown): Response =>
  new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } })
