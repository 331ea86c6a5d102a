import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { App } from '../http/app.ts'
import { HttpRefusal, problemResponse } from '../http/problem.ts'
import type { SqsExchange } from '../sqs/exchange.ts'
import type { BusyPoll } from './busy-poll.ts'
import type { CallerCheck } from './caller-check.ts'
import { pathOf, sqsListener } from './sqs-listener.ts'

export interface ServerParts {
  readonly host: string
  readonly port: number
  readonly app: App
  /** Who may call at all. @default everyone */
  readonly callers?: {
    readonly check: CallerCheck
    /** Whether SQS clients sign their requests, which says more than where they come from. */
    readonly signed: boolean
  }
  readonly sqs: SqsExchange
  /** Keeps the process awake between requests that follow each other closely. @default it sleeps */
  readonly polling?: BusyPoll | undefined
  /** The document that `/openapi.json` answers; made when first asked for. */
  readonly openApi: () => unknown
}

export interface LocalServer {
  readonly host: string
  readonly port: number
  /** Takes no more requests, ends the waiting of polls, and resolves when every request is answered. */
  stop(): Promise<void>
}

/** A client's connection, which bears one request at a time. */
interface Connection {
  /** Aborts when the client has gone, or when its answer is due because the server is to end. */
  readonly ending: AbortController
  latest?: ServerResponse
}

/** Clients keep connections for as long as a minute; one closed under their hands costs them an error. */
const KEEP_ALIVE_MS = 75_000
/** How long requests under way may take when the server is to end. */
const LAST_REQUESTS_MS = 5_000

/** HTTP API, SQS endpoint, and what a local server has beside them, on one port. */
export const startServer = async ({
  host,
  port,
  app,
  sqs,
  openApi,
  callers,
  polling,
}: ServerParts): Promise<LocalServer> => {
  const connections = new Map<Socket, Connection>()
  const connected = (socket: Socket): Connection => {
    const connection: Connection = { ending: new AbortController() }
    connections.set(socket, connection)
    socket.once('close', () => {
      connections.delete(socket)
      connection.ending.abort()
    })
    return connection
  }

  const answerSqs = sqsListener(sqs, polling?.answered)
  const answerApp = getRequestListener(((request: Request, { outgoing }: HttpBindings) =>
    app.fetch(request, { signal: connectionOf(outgoing).ending.signal })) as never)
  const connectionOf = ({ socket }: { socket: unknown }) =>
    connections.get(socket as Socket) ?? connected(socket as Socket)

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const connection = connectionOf(incoming)
    connection.latest = outgoing
    polling?.requested()
    const path = pathOf(incoming.url ?? '/')
    const refusal = callers?.check(incoming.headers)
    const native = path === '/queues' || path.startsWith('/queues/')
    if (refusal !== undefined && (native || !callers?.signed)) void refuse(incoming, outgoing, refusal)
    else if (native) void answerApp(incoming, outgoing)
    else if (incoming.method === 'GET' && path === '/health') json(outgoing, { status: 'ok' })
    else if (incoming.method === 'GET' && path === '/openapi.json') json(outgoing, openApi())
    else void answerSqs(incoming, outgoing, connection.ending.signal)
  }

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, listener)
  server.on('connection', connected)
  await listening(server, host, port)
  const address = server.address()
  return {
    host,
    port: typeof address === 'object' && address ? address.port : port,
    stop: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), LAST_REQUESTS_MS)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
        for (const { latest, ending } of connections.values()) {
          // A connection kept alive would keep the server alive.
          if (latest && !latest.headersSent) latest.shouldKeepAlive = false
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

/** In the words of either API: SQS clients look for an error's name in the header. */
const refuse = async (incoming: IncomingMessage, outgoing: ServerResponse, reason: string): Promise<void> => {
  const problem = problemResponse(new HttpRefusal('CallerRefused', reason), randomUUID())
  const body = await problem.text()
  outgoing.writeHead(problem.status, {
    ...Object.fromEntries(problem.headers),
    'x-amzn-query-error': 'AccessDenied;Sender',
  })
  outgoing.end(body)
  incoming.resume()
}

const json = (outgoing: ServerResponse, body: unknown): void => {
  outgoing.writeHead(200, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify(body))
}
