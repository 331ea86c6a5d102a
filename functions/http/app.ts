import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { AnswerBudget, Engine } from '../../lib/engine.ts'
import { HoldfastError, invalid } from '../../lib/model/errors.ts'
import type { Log } from '../runtime/log.ts'
import type { Answered } from '../runtime/usage.ts'
import { isUtf8Encoded } from '../runtime/utf8.ts'
import { noRoute } from './no-route.ts'
import type { Answer, Call, Operations } from './operation.ts'
import { isPlainPath } from './plain-path.ts'
import { isUnexpected, problemResponse } from './problem.ts'
import { checked } from './refusal.ts'
import { readJson } from './request-body.ts'
import { isRequestId } from './request-id.ts'
import type { RouteShape } from './route-shape.ts'
import { type OperationId, PATH_PARAMETERS, type Route, routes } from './routes.ts'

/** What the gateway or the local server knows about a request, besides the request itself. */
export interface Surroundings {
  /** The decoded path, which picks the route: a parser may have changed the path in the request's URL. */
  readonly path: string
  readonly requestId?: string
  /** Aborts when the process must answer now, or when the caller has disconnected. @default the request's own */
  readonly signal?: AbortSignal
  /** Bounds the bytes of messages in answers. @default no bound */
  readonly answerBudget?: AnswerBudget | undefined
}

export interface AppParts {
  /** A route whose operation is not among them is answered with 404. */
  readonly operations: Operations
  /** Called at each request, so that a fault of the environment is an answer to the caller and not a crash at start. */
  readonly engine: () => Engine
  readonly log: Log
  /** Called once for each request that an operation on a queue answered. */
  readonly answered?: (answered: Answered) => void
}

type Env = { Bindings: Surroundings; Variables: { requestId: string; startedAt: number; operation?: OperationId } }
export type App = Hono<Env>

/** The HTTP API over an engine: routes, shapes and problems. Every fault of a request is answered with a 4xx here. */
export const createApp = ({ operations, engine, log, answered }: AppParts): App => {
  const app = new Hono<Env>({ getPath: (_request, { env } = {}) => rooted((env as Surroundings).path) })

  app.use(async (c, next) => {
    c.set('requestId', requestIdOf(c))
    c.set('startedAt', performance.now())
    await next()
    report(c, log)
  })
  // The router ignores a slash at the end of a path.
  app.use((c, next) => (isPlainPath(c.req.path) ? next() : Promise.resolve(c.notFound())))

  for (const route of routes) {
    // Each operation's calls have the shape of its own route: `callOf` checks what the types can't follow here.
    const operation = operations[route.operation] as ((call: Call<OperationId>) => Promise<Answer>) | undefined
    if (!operation) continue
    app.on(route.method, honoPath(route.path), async (c) => {
      c.set('operation', route.operation)
      const answer = await operation({ engine: engineFor(engine(), c), ...(await callOf(c, route)) })
      const text = answer.body === undefined ? null : JSON.stringify(answer.body)
      const queue = c.req.param('queue')
      if (queue !== undefined) answered?.({ queue, counted: answer.counted ?? {}, bytes: bytesOf(c, text) })
      return respond(answer, text, c.get('requestId'))
    })
  }

  app.notFound((c) => noRoute(c.req.method, c.req.path, c.get('requestId')))

  app.onError((error, c) => {
    const requestId = c.get('requestId')
    // The caller has disconnected: the status is for the log alone.
    if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_GONE })
    if (isUnexpected(error)) {
      log.error('a request failed unexpectedly', { requestId, operation: c.get('operation'), error })
    }
    return problemResponse(error, requestId)
  })

  return app
}

const engineFor = (engine: Engine, { env }: Context<Env>): Engine =>
  env?.answerBudget ? { ...engine, answerBudget: env.answerBudget } : engine

/** A target such as `*` or `http://host/…` has no route; a router expects a slash before it. */
const rooted = (path: string): string => (path.startsWith('/') ? path : `/${path}`)

/** nginx's status for a client that disconnected before the answer. */
const CLIENT_GONE = 499

const callOf = async (c: Context<Env>, route: Route): Promise<Omit<Call<OperationId>, 'engine'>> => {
  const params = Object.fromEntries(
    Object.entries(c.req.param() as Record<string, string>).map(([name, value]) => [
      name,
      checked(PATH_PARAMETERS[name as keyof typeof PATH_PARAMETERS], value, name),
    ]),
  )
  const query = checked(route.query, queryOf(c), 'query')
  const body = route.request && checked(route.request, await readJson(c.req.raw), 'request')
  const headers = headersOf(c, route)
  const { signal = undefined } = c.env ?? {}
  return {
    params,
    query,
    body,
    headers,
    signal: signal ?? c.req.raw.signal,
  } as Omit<Call<OperationId>, 'engine'>
}

const headersOf = (c: Context<Env>, { headers: shape }: RouteShape) => {
  if (!shape) return {}
  const given = Object.keys(shape.shape).map((name) => [name, c.req.header(name)])
  return checked(shape, Object.fromEntries(given), 'headers')
}

/** @throws `InvalidRequest` for a query that is not UTF-8, or that gives a parameter twice */
const queryOf = (c: Context<Env>): Record<string, string> => {
  const { search } = new URL(c.req.url)
  if (!isUtf8Encoded(search)) {
    throw new HoldfastError('InvalidRequest', 'the query string is not UTF-8, percent-encoded', { field: 'query' })
  }
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => {
      if (values.length > 1) throw invalid(name, values.join(), 'must be given once')
      return [name, values[0] ?? '']
    }),
  )
}

/** Of the request or of its answer, whichever is larger. */
const bytesOf = (c: Context<Env>, answer: string | null): number =>
  Math.max(Number(c.req.header('content-length')) || 0, answer?.length ?? 0)

const respond = ({ status, headers }: Answer, text: string | null, requestId: string): Response =>
  new Response(text, {
    status,
    headers: {
      ...(text !== null && { 'content-type': 'application/json' }),
      'cache-control': 'no-store',
      'x-request-id': requestId,
      ...headers,
    },
  })

/** The caller's own request id, if it is fit for a log line; otherwise the gateway's, or a new one. */
const requestIdOf = (c: Context<Env>): string => {
  const given = c.req.header('x-request-id')
  return isRequestId(given) ? given : (c.env?.requestId ?? randomUUID())
}

/** The gateway's access log has a line for every request too; this line adds the operation, and its level marks failures. */
const report = (c: Context<Env>, log: Log): void => {
  const { status } = c.res
  log[status >= 500 ? 'error' : status >= 400 ? 'info' : 'debug']('request', {
    requestId: c.get('requestId'),
    operation: c.get('operation'),
    method: c.req.method,
    path: c.req.path,
    status,
    durationMs: Math.round((performance.now() - c.get('startedAt')) * 10) / 10,
  })
}

const honoPath = (path: string): string => path.replaceAll('{', ':').replaceAll('}', '')
