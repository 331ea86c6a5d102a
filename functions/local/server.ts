import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server'
import { HttpRefusal, problemResponse } from '../http/problem.ts'
import type { Log } from '../runtime/log.ts'
import type { FrontDoor, Sender } from './front-door.ts'
import { UsageError } from './usage-error.ts'

export interface ServerParts {
  readonly host: string
  readonly port: number
  readonly answer: FrontDoor
  /** Is called when an answer has been written to its connection, which may not have taken it yet. */
  readonly written?: (answer: ServerResponse, client: Client) => void
  readonly log: Log
}

/** The client at the other end of a connection. */
export interface Client {
  /** Aborts when the client has disconnected: an answer that waits for another on the same connection is not closed then. */
  readonly signal: AbortSignal
  /** Ends the connection. */
  cut(): void
}

export interface LocalServer {
  /** The port that the server listens on: with port 0, the one that the system chose. */
  readonly port: number
  /** Accepts no more requests, ends the waits of long polls, and resolves when every request is answered. */
  stop(): Promise<void>
}

/** Longer than the minute for which clients keep connections: a client whose connection the server closes first may get an error. */
const KEEP_ALIVE_MS = 75_000
/**
 * Connections that the system keeps until this process accepts them. With Node's 511 a burst of some thousand clients has
 * hundreds of them wait for seconds or be reset. The system lowers it to its own limit.
 */
const BACKLOG = 16_384
/** How long running requests may take once the server stops. */
const LAST_REQUESTS_MS = 1_500

/** Serves one handler of web requests on one port. @throws `UsageError` where the server can't listen there */
export const startServer = async ({ host, port, answer, written, log }: ServerParts): Promise<LocalServer> => {
  const connections = openConnections()
  const listener = getRequestListener(
    ((request: Request, { incoming, outgoing }: HttpBindings) => {
      const connection = connections.of(incoming.socket)
      const response = outgoing as ServerResponse
      connection.latest = response
      return answer(request, {
        target: incoming.url ?? '/',
        signal: connection.ending.signal,
        sender: senderOf(incoming),
        outgoing: response,
      })
    }) as never,
    { hostname: host, errorHandler: (error) => failure(error, log) },
  )
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
    const { socket } = incoming
    const client = { signal: connections.of(socket).ending.signal, cut: () => void socket.destroy() }
    void listener(incoming, outgoing)?.then(() => written?.(outgoing, client))
  })
  server.on('connection', (socket: Socket) => connections.of(socket))
  await listening(server, host, port)
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    stop: () => stopped(server, connections),
  }
}

const senderOf = (incoming: IncomingMessage): Sender => {
  const { socket } = incoming
  const { bytesRead } = socket
  return {
    isUnderWay: () => !incoming.complete,
    whenRead: (read) => void incoming.once('end', () => read(socket.bytesRead - bytesRead)),
    cut: () => void incoming.destroy(),
  }
}

/** The answer where the target and the host of a request make no URL, or where the handler itself fails. */
const failure = (error: unknown, log: Log): Response => {
  const requestId = randomUUID()
  if (error instanceof RequestError) {
    const refusal = new HttpRefusal('RouteNotFound', 'the path or the Host header of the request is malformed', {
      hint: 'Send the path as it is documented: without backslashes, and with a slash at its start.',
    })
    return problemResponse(refusal, requestId)
  }
  log.error('a request failed unexpectedly', { requestId, error })
  return problemResponse(error, requestId)
}

/** A client's connection, which carries one request at a time. */
interface Connection {
  /** Aborts when the client has disconnected, or when the server stops and must answer now. */
  readonly ending: AbortController
  latest?: ServerResponse
}

interface Connections {
  of(socket: Socket): Connection
  entries(): Iterable<[Socket, Connection]>
}

const openConnections = (): Connections => {
  const connections = new Map<Socket, Connection>()
  const opened = (socket: Socket): Connection => {
    const connection: Connection = { ending: new AbortController() }
    // Each request that a client sends without a wait for the answers before listens until its answer is written.
    setMaxListeners(0, connection.ending.signal)
    connections.set(socket, connection)
    socket.once('close', () => {
      connections.delete(socket)
      connection.ending.abort()
    })
    return connection
  }
  return { of: (socket) => connections.get(socket) ?? opened(socket), entries: () => connections.entries() }
}

const stopped = (server: Server, connections: Connections): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), LAST_REQUESTS_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    for (const [socket, { latest, ending }] of connections.entries()) {
      // Node does not count a connection without any request as idle.
      if (socket.bytesRead === 0) socket.destroy()
      // An open connection would keep the server running.
      if (latest && !latest.headersSent) latest.shouldKeepAlive = false
      ending.abort()
    }
    server.closeIdleConnections()
  })

const listening = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(error, host, port)))
    server.listen({ port, host, backlog: BACKLOG }, resolve)
  })

const listenFailure = (error: NodeJS.ErrnoException, host: string, port: number): Error => {
  switch (error.code) {
    case 'EADDRINUSE':
      return new UsageError(`port ${port} of ${host} is in use: choose another with --port`)
    case 'EACCES':
      return new UsageError(`this user may not listen on port ${port}: choose one above 1023 with --port`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UsageError(`--host ${host} is not an address of this machine`)
    default:
      return error
  }
}
