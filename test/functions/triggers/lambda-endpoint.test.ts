import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { lambdaClient, lambdaFunction } from '../../../functions/triggers/lambda-function.ts'
import { checkedTrigger } from '../../../lib/triggers/trigger.ts'
import { call, startServerProcess, until } from '../local/server-process.ts'

/** What came over the wire. */
interface Seen {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly type: string | string[] | undefined
  readonly body: string
}
type Answer = (response: ServerResponse, seen: Seen) => void

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  vi.restoreAllMocks()
})

/** A stand-in for Lambda's Invoke, over real HTTP. The last answer is given again and again. */
const lambda = async (...answers: Answer[]) => {
  const seen: Seen[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { method, url, headers } = request
      const one = { method, path: url, type: headers['x-amz-invocation-type'], body: Buffer.concat(parts).toString() }
      answers[Math.min(seen.push(one), answers.length) - 1]?.(response, one)
    })
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { seen, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
const refused = (status: number, type: string): Answer => json(status, { message: type }, { 'x-amzn-errortype': type })
const ERROR = { errorType: 'Error', errorMessage: 'no stock', trace: [] }
const FAILED = json(200, ERROR, { 'x-amz-function-error': 'Unhandled' })
const REFUSED_CONNECTION = 'http://127.0.0.1:1'

const CREDENTIALS = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }
const trigger = checkedTrigger({ queue: 'orders', functionName: 'ship-orders', functionTimeoutSeconds: 3 })
const invoke = (endpoint: string, options = {}) =>
  lambdaFunction(lambdaClient({ ...CREDENTIALS, endpoint }), options)(trigger, Buffer.from('{"Records":[]}'))

test('an invocation is one request of Invoke, and its answer is the function’s', async () => {
  const { endpoint, seen } = await lambda(json(200, { batchItemFailures: [] }))
  expect(await invoke(endpoint)).toEqual({ kind: 'answered', payload: '{"batchItemFailures":[]}' })
  expect(seen).toEqual([
    {
      method: 'POST',
      path: '/2015-03-31/functions/ship-orders/invocations',
      type: 'RequestResponse',
      body: '{"Records":[]}',
    },
  ])
})

test.each<[string, Answer, object]>([
  ['an error of the function', FAILED, { kind: 'failed', error: 'Error: no stock' }],
  ['a throttle', refused(429, 'TooManyRequestsException'), { kind: 'not-run', reason: 'throttled' }],
  ['a function that is not there', refused(404, 'ResourceNotFoundException'), { kind: 'not-run', reason: 'refused' }],
  ['a fault of the service', refused(500, 'ServiceException'), { kind: 'unknown' }],
  ['a gateway that gave up', json(504, ''), { kind: 'unknown' }],
  ['a connection that breaks', (response) => response.destroy(), { kind: 'unknown' }],
  [
    'half an answer',
    (response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"batch', () => response.destroy())
    },
    { kind: 'unknown' },
  ],
])('%s is told for what it is, and nothing is sent twice', async (_, answer, outcome) => {
  const { endpoint, seen } = await lambda(answer)
  expect(await invoke(endpoint)).toMatchObject(outcome)
  expect(seen).toHaveLength(1)
})

test('a connection that is refused proves that nothing ran', async () => {
  expect(await invoke(REFUSED_CONNECTION)).toMatchObject({ kind: 'not-run', reason: 'refused' })
})

test('a function that never answers is given up after its timeout and a margin, and may have run', async () => {
  const limits: number[] = []
  const giveUp = new AbortController()
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    limits.push(ms)
    return giveUp.signal
  })
  const { endpoint, seen } = await lambda(() => giveUp.abort(new Error('too long')))
  expect(await invoke(endpoint)).toMatchObject({ kind: 'unknown' })
  expect(limits).toContain(33_000)
  expect(seen).toHaveLength(1)
})

/** As AWS's runtime interface emulator answers: status 200 and no header, also where the function failed. */
test.each<[string, Answer, object]>([
  ['an error', json(200, ERROR), { kind: 'failed', error: 'Error: no stock' }],
  ['an answer', json(200, { batchItemFailures: [] }), { kind: 'answered' }],
  ['no answer', json(200, 'null'), { kind: 'answered' }],
  ['that it is busy', json(400, ''), { kind: 'not-run', reason: 'refused' }],
])('an emulator that answers %s is understood', async (_, answer, outcome) => {
  const { endpoint } = await lambda(answer)
  expect(await invoke(endpoint, { errorsWithoutHeader: true })).toMatchObject(outcome)
})

test('a local server delivers to a function at an endpoint, without credentials, and again what failed', async () => {
  const { endpoint, seen } = await lambda(
    refused(429, 'TooManyRequestsException'),
    json(200, ERROR),
    json(200, { batchItemFailures: [] }),
  )
  const args = ['--memory', '--trigger', 'orders=function']
  const server = await startServerProcess({ args, env: { AWS_ENDPOINT_URL_LAMBDA: endpoint } })
  await call(server, 'PATCH', '/queues/orders', { visibilityTimeoutSeconds: 0 })
  await call(server, 'POST', '/queues/orders/messages', { messages: [{ body: 'one' }] })
  await until('the queue is empty', async () => {
    const { counts } = await call(server, 'GET', '/queues/orders')
    return seen.length === 3 && counts.ready + counts.leased + counts.delayed === 0
  })
  const receives = seen.map(({ body }) => JSON.parse(body).Records[0].attributes.ApproximateReceiveCount)
  expect(receives).toEqual(['1', '1', '2'])
  expect(new Set(seen.map(({ path }) => path))).toEqual(new Set(['/2015-03-31/functions/function/invocations']))
})
