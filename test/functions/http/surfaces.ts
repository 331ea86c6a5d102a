import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { expect } from 'vitest'
import { problem } from '../../../functions/http/answers.ts'
import { createApp } from '../../../functions/http/app.ts'
import { type Route, routes } from '../../../functions/http/routes.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { useEngine } from '../../../functions/runtime/compose.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'

export interface Sent {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly headers: Readonly<Record<string, string>>
}
export interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}
export type Surface = (engine: Engine, sent: Sent) => Promise<Got>

/** The app as the local server mounts it. */
const inProcess: Surface = async (engine, { method, path, headers, body }) => {
  const app = createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })
  const response = await app.request(path, { method, headers, ...(body !== undefined && { body }) })
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
}

/** The handler that API Gateway would call, with the event it would send. */
const asEvent: Surface = async (engine, { method, path, headers, body }) => {
  const url = new URL(path, 'https://api.example.com')
  const served = routes.find((route) => route.method === method && matches(route, url.pathname))
  const { handler } = (await import(`../../../functions/${served?.function ?? 'queues'}.ts`)) as {
    handler: (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>
  }
  useEngine(engine)
  try {
    const result = await handler(gatewayEvent(method, url, headers, body), lambdaContext)
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

const gatewayEvent = (
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
): APIGatewayProxyEventV2 => ({
  version: '2.0',
  routeKey: `${method} ${url.pathname}`,
  rawPath: url.pathname,
  rawQueryString: url.search.slice(1),
  headers: { ...headers, host: url.host, 'x-forwarded-proto': 'https' },
  requestContext: {
    accountId: '123456789012',
    apiId: 'api',
    domainName: url.host,
    domainPrefix: 'api',
    http: { method, path: url.pathname, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
    requestId: 'gateway-request-id',
    routeKey: '$default',
    stage: '$default',
    time: '01/Jan/2030:00:00:00 +0000',
    timeEpoch: 1_893_456_000_000,
  },
  // Bodies come as text, or as base64 where API Gateway takes the content for binary: both occur here.
  ...(body !== undefined && { body: body.length % 2 === 0 ? body : Buffer.from(body).toString('base64') }),
  isBase64Encoded: body !== undefined && body.length % 2 === 1,
})

const lambdaContext = { awsRequestId: 'lambda-request-id', getRemainingTimeInMillis: () => 29_000 } as Context

const matches = ({ path }: Route, pathname: string): boolean =>
  new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(pathname)

export interface Reply {
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
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
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
