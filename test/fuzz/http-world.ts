import { createApp } from '../../functions/http/app.ts'
import { decodedPath, pathOf } from '../../functions/http/plain-path.ts'
import { routes } from '../../functions/http/routes.ts'
import { allOperations } from '../../functions/operations/all.ts'
import { silentLog } from '../../functions/runtime/log.ts'
import type { Engine } from '../../lib/engine.ts'
import { runRedrive } from '../../lib/redrive/redrive.ts'
import { demand, withinBounds } from './judge.ts'
import { engineWithQueues } from './queues-world.ts'
import { stepsOf } from './target.ts'

/** Sends the requests of an input, one after the other, to an API with three queues. */
export const sendToHttp = async (data: Buffer, expanded = asItIs): Promise<void> => {
  const engine = await engineWithQueues()
  const seen = answerTokens()
  for (const step of stepsOf(data, (text) => expanded(seen.filled(text)))) {
    const { head, headers, body } = step()
    const [method = '', target = '/'] = head.split(' ')
    seen.read(await send(engine, { method, target, headers, body }))
  }
}

export interface Sent {
  readonly method: string
  readonly target: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** The app is built once: it asks for its engine at each request. */
let present: Engine | undefined
const failures: unknown[] = []
const app = createApp({
  operations: allOperations(async (queue, taskId) => void (present && (await runRedrive(present, queue, taskId)))),
  engine: () => present as Engine,
  log: { ...silentLog, error: (_, { error }) => failures.push(error) },
})

/** The app over an engine, until the next call. */
export const answeringApp = (engine: Engine): typeof app => {
  present = engine
  return app
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'])

const send = async (engine: Engine, { method, target, headers, body }: Sent): Promise<string> => {
  // A server's own parser takes no others.
  if (!METHODS.has(method) || !URL.canParse(target, BASE)) return ''
  present = engine
  failures.length = 0
  const request = new Request(new URL(target, BASE), {
    method,
    headers: { 'content-type': 'application/json', ...Object.fromEntries(headers) },
    ...(method !== 'GET' && method !== 'HEAD' && body.length > 0 && { body: new Uint8Array(body) }),
  })
  const answer = await withinBounds(async () => {
    const response = await app.fetch(request, { path: decodedPath(pathOf(target)), requestId: 'r' })
    return { status: response.status, text: await response.text() }
  })
  demand(isExpected(answer.status), `a request was answered with ${answer.status}`, failures.at(-1))
  return answer.text
}

const BASE = 'http://local'
/** The end of a wait for a result is a 504. */
const isExpected = (status: number): boolean => status < 500 || status === 504

const asItIs = (text: string): string => text

/** What later requests take from earlier answers. */
const answerTokens = () => {
  const known = new Map<string, string>()
  return {
    read: (answer: string): void => {
      for (const [, member = '', value = ''] of answer.matchAll(/"(receiptHandle|taskId|messageId|cursor)":"([^"]+)"/g))
        known.set(member, value)
    },
    filled: (text: string): string => text.replace(/@(\w+)@/g, (whole, name) => known.get(name) ?? whole),
  }
}

/** Names of the requests of the HTTP API. */
export const httpWords = (): string[] => [
  ...routes.map(({ method, path }) => `${method} ${path.replace('{queue}', 'orders').replace(/\{(\w+)\}/, '@$1@')}`),
  ...namesIn(routes.flatMap(({ query, request }) => [query, request])),
  ...VALUES,
]

/** All names of fields in shapes. */
const namesIn = (shapes: readonly unknown[]): Set<string> => {
  const names = new Set<string>()
  const visited = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || visited.has(value)) return
    visited.add(value)
    if ('shape' in value) for (const name of Object.keys(value.shape as object)) names.add(name)
    for (const key of ['def', 'shape', 'innerType', 'element', 'options', 'valueType', 'left', 'right', 'in', 'out'])
      visit((value as Record<string, unknown>)[key])
    if (!('def' in value)) for (const member of Object.values(value)) visit(member)
  }
  for (const shape of shapes) visit(shape)
  return names
}

const VALUES = [
  '@receiptHandle@',
  '@taskId@',
  '@messageId@',
  '@cursor@',
  '\n---\n',
  'Idempotency-Key: ',
  'orders.fifo',
  '2030-01-31T12:00:00Z',
  'full',
  'none',
  'window',
  'queueLifetime',
  'ready,delayed,leased',
  'true',
  'null',
  '{}',
  '[]',
  '"',
  '\\u',
  '%2f',
]
