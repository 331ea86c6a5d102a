import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { expect } from 'vitest'
import { problem } from '../../../functions/http/answers.ts'
import { createApp } from '../../../functions/http/app.ts'
import { decodedPath, pathOf } from '../../../functions/http/plain-path.ts'
import { type Route, routes } from '../../../functions/http/routes.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { moveRules } from '../../../functions/operations/move-rules.ts'
import { useEngine } from '../../../functions/runtime/compose.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { gatewayEvent, matchRoute } from '../../support/api-gateway.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'

interface Sent {
  readonly method: string
  /** As it is sent, with its query. */
  readonly path: string
  readonly body?: string | Uint8Array
  readonly headers: Readonly<Record<string, string>>
}
interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}
export type Surface = (engine: Engine, sent: Sent) => Promise<Got>

// As on the local server, and in a deployment without authorization.
process.env.HOLDFAST_REDRIVE_WITHOUT_POLICY ??= 'allowAll'

/** The app as the local server mounts it. */
const inProcess: Surface = async (engine, { method, path, headers, body }) => {
  const app = createApp({
    operations: allOperations(async () => {}, moveRules(process.env)),
    engine: () => engine,
    log: silentLog,
  })
  const target = new URL(path, 'http://local')
  const request = new Request(target, { method, headers, ...(body !== undefined && { body }) })
  const response = await app.fetch(request, { path: decodedPath(pathOf(path)) })
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
}

/** The handler that API Gateway would call, with the event it would send. */
const asEvent: Surface = async (engine, { method, path, headers, body }) => {
  const request = { method, path, headers, body, binary: body instanceof Uint8Array || (body ?? '').length % 2 === 1 }
  const { routeKey, parameters } = matchRoute(ROUTE_KEYS, request)
  const served = routes.find((route) => `${route.method} ${route.path}` === routeKey)
  const { handler } = (await import(`../../../functions/${served?.function ?? 'sqs'}.ts`)) as {
    handler: (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>
  }
  const event = gatewayEvent(request, { routeKey, parameters, account: '123456789012', region: 'us-east-1' })
  useEngine(engine)
  try {
    const result = await handler(event, lambdaContext)
    expect(result.isBase64Encoded).toBe(false)
    return {
      status: result.statusCode ?? 0,
      headers: result.headers as Record<string, string>,
      text: result.body ?? '',
    }
  } finally {
    useEngine(undefined)
  }
}

export const SURFACES: readonly (readonly [string, Surface])[] = [
  ['in process', inProcess],
  ['as an API Gateway event', asEvent],
]

/** All that a deployment has: what no route takes goes to the SQS function. */
const ROUTE_KEYS = [...routes.map(({ method, path }) => `${method} ${path}`), '$default']

const lambdaContext = { awsRequestId: 'lambda-request-id', getRemainingTimeInMillis: () => 29_000 } as Context

const matches = ({ path }: Route, pathname: string): boolean =>
  new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(pathname)

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // biome-ignore lint/suspicious/noExplicitAny: answers are whatever the test expects them to be
  readonly body: any
}

export interface Api {
  readonly clock: ManualClock
  readonly engine: Engine
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>
}

/** A fresh engine in memory behind a surface. Whatever it answers must have the shape that the route table promises. */
export const apiOn = (surface: Surface, wrap: (store: Store) => Store = (store) => store): Api => {
  const clock = manualClock(Date.parse('2030-01-01T00:00:00Z'))
  const engine = createEngine({ store: wrap(memoryStore({ clock })), clock })
  return {
    clock,
    engine,
    send: async (method, path, body, headers = {}) => {
      const text =
        body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
      const got = await surface(engine, {
        method,
        path,
        headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(text !== undefined && { body: text }),
      })
      const parsed = got.text === '' ? undefined : (JSON.parse(got.text) as unknown)
      expectPromisedShape(method, path, got.status, parsed)
      return { status: got.status, headers: got.headers, body: parsed }
    },
  }
}

const expectPromisedShape = (method: string, path: string, status: number, body: unknown): void => {
  if (status >= 400) {
    if (method !== 'HEAD') expect(problem.safeParse(body).error?.issues ?? []).toEqual([])
    return
  }
  const { pathname } = new URL(path, 'http://local')
  const route = routes.find((one) => one.method === method && matches(one, pathname))
  if (!route) return
  const answers: Readonly<Record<number, unknown>> = route.answers
  expect(Object.keys(answers)).toContain(String(status))
  const shape = answers[status] as typeof problem | undefined
  if (!shape) expect(body).toBeUndefined()
  else expect(shape.safeParse(body).error?.issues ?? []).toEqual([])
}
