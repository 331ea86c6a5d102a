import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { App } from '../http/app.ts'
import { noRoute } from '../http/no-route.ts'
import { decodedPath, isPlainPath } from '../http/plain-path.ts'
import { HttpRefusal, problemResponse } from '../http/problem.ts'
import { SqsError } from '../sqs/errors.ts'
import type { SqsExchange } from '../sqs/exchange.ts'
import { isSqsRequest, sqsFailure } from '../sqs/sqs-request.ts'
import type { BusyPoll } from './busy-poll.ts'
import type { CallerCheck } from './caller-check.ts'
import { headerOf, pathOf, sqsListener, write } from './sqs-listener.ts'

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
  const answerApp = getRequestListener(((request: Request, { incoming, outgoing }: HttpBindings) =>
    app.fetch(request, {
      // As it came in: a parsed URL has lost what `..` and backslashes stood for.
      path: decodedPath(pathOf(incoming.url ?? '/')),
      signal: connectionOf(outgoing).ending.signal,
    })) as never)
  const connectionOf = ({ socket }: { socket: unknown }) =>
    connections.get(socket as Socket) ?? connected(socket as Socket)

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const connection = connectionOf(incoming)
    connection.latest = outgoing
    polling?.requested()
    const { url: target = '/', method = 'GET' } = incoming
    const refusal = callers?.check(incoming.headers)
    const ofSqs = isSqsRequest(headerOf(incoming), target)
    if (refusal !== undefined && !(ofSqs && callers?.signed)) void refuse(incoming, outgoing, refusal, ofSqs)
    else if (ofSqs) void answerSqs(incoming, outgoing, connection.ending.signal)
    else if (method === 'GET' && pathOf(target) === '/health') json(outgoing, { status: 'ok' })
    else if (method === 'GET' && pathOf(target) === '/openapi.json') json(outgoing, openApi())
    // Node and URL parsers each read such a path in their own way: nobody is to act on one.
    else if (!isPlainPath(decodedPath(pathOf(target)))) void answerNoRoute(incoming, outgoing)
    else void answerApp(incoming, outgoing)
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

/** In the shape of the protocol that the request is of. */
const refuse = async (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  reason: string,
  ofSqs: boolean,
): Promise<void> => {
  const requestId = randomUUID()
  if (ofSqs) {
    write(outgoing, sqsFailure(new SqsError('AccessDenied', `${reason}.`), headerOf(incoming), requestId))
  } else {
    await writeResponse(outgoing, problemResponse(new HttpRefusal('CallerRefused', reason), requestId))
  }
  incoming.resume()
}

const answerNoRoute = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
  const { method = 'GET', url = '/' } = incoming
  await writeResponse(outgoing, noRoute(method, decodedPath(pathOf(url)), randomUUID()))
  incoming.resume()
}

const writeResponse = async (outgoing: ServerResponse, response: Response): Promise<void> =>
  write(outgoing, {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  })

const json = (outgoing: ServerResponse, body: unknown): void => {
  outgoing.writeHead(200, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify(body))
}
