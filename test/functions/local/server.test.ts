import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type LocalServer, startServer } from '../../../functions/local/server.ts'
import { VERSION } from '../../../functions/local/version.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { testFrontDoor } from './test-front-door.ts'

let engine: Engine
let server: LocalServer

beforeEach(async () => {
  engine = createEngine({ store: memoryStore() })
  server = await startServer({
    host: '127.0.0.1',
    port: 0,
    answer: testFrontDoor(engine),
    log: silentLog,
  })
  onTestFinished(() => server.stop())
  await createQueue(engine, 'v')
  await publish(engine, 'v', [{ body: 'kept' }])
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Sends the path as it stands here, which `fetch` would not. */
const send = (
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Readonly<Record<string, string>>; body?: string | Uint8Array } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: server.port, method, path, headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
      .on('error', reject)
      .end(body)
  })

/** The first line of the answer to a request whose line is just this. */
const sendLine = (line: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: server.port })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('end', () => resolve(text.split('\r\n')[0] ?? ''))
    socket.on('error', reject)
    socket.write(Buffer.from(`${line}\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`, 'latin1'))
  })

describe('a queue of the local server', () => {
  test.each([
    '/queues/v/messages/..',
    '/queues/v/messages/../',
    '/queues/v/messages/%2e%2e',
    '/queues/v/messages/%2E.',
    '/queues/v/messages/.%2e',
    '/queues/v/messages/..%2F',
    '/queues/v/messages/..%5C',
    '/queues/v/messages/..\\',
    '/queues/v/messages\\..',
    '/queues/v/messages/.',
    '/queues/v/messages/x/../..',
    '/queues/v/',
    '/queues/v//',
    '/queues//v',
    '//queues/v',
    '/queues/v/.',
    '/queues/./v',
    '/queues/x/../v',
    '/x/../queues/v',
    '/queues\\v',
    '\\queues\\v',
    '/queues%2Fv',
    '/queues%5Cv',
    '/queues/v%2F',
    '/queues/v%23x',
    '/queues/v%3Fx',
    '/queues/v%2500',
    '/queues/v;x/..',
    'http://127.0.0.1/queues/v',
    'http://127.0.0.1/queues/v/messages/..',
  ])('is not deleted by DELETE %s', async (path) => {
    const { status } = await send('DELETE', path)
    expect({ status, ready: (await counts(engine, 'v')).ready }).toEqual({
      // Node's parser refuses a target without a slash at its start itself.
      status: path.startsWith('\\') ? 400 : 404,
      ready: 1,
    })
  })

  test('is deleted by its one name', async () => {
    expect((await send('DELETE', '/queues/v')).status).toBe(204)
  })

  test('answers a target that is no path', async () => {
    expect(await sendLine('OPTIONS * HTTP/1.1')).toBe('HTTP/1.1 404 Not Found')
  })

  test('refuses bytes of a target that are not ASCII', async () => {
    expect(await sendLine('GET /queues?prefix=\xe4 HTTP/1.1')).toBe('HTTP/1.1 400 Bad Request')
    expect(await sendLine('GET /queues/\xc3\xa4 HTTP/1.1')).toBe('HTTP/1.1 400 Bad Request')
  })
})

const TARGET = { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const SCOPE = 'AKID/20260301/us-east-1/sqs/aws4_request'
const SIGNED = { authorization: `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=0` }

describe('a request of SQS to the local server', () => {
  test.each([
    ['by its target', 'POST', '/', TARGET, '{}'],
    ['by its target, where the HTTP API has a queue', 'POST', '/queues/v', TARGET, '{}'],
    ['by its target, anywhere', 'POST', '/some/where', TARGET, '{}'],
    ['by its content type', 'POST', '/queues', FORM, 'Action=ListQueues'],
    ['by its action', 'GET', '/queues?Action=ListQueues', {}, undefined],
    ['by its action, anywhere', 'GET', '/health?x=1&Action=ListQueues', {}, undefined],
  ])('is known %s', async (_how, method, path, headers, body) => {
    const got = await send(method, path, { headers, ...(body !== undefined && { body }) })
    expect({ status: got.status, queue: got.text.includes('/000000000000/v') }).toEqual({ status: 200, queue: true })
  })

  test('is known by its signature, in a header or in the URL', async () => {
    const unknown = '<UnknownOperationException/>\n'
    expect(await send('GET', '/queues', { headers: SIGNED })).toMatchObject({ status: 404, text: unknown })
    for (const scope of [SCOPE, encodeURIComponent(SCOPE)]) {
      expect(await send('GET', `/?X-Amz-Credential=${scope}`)).toMatchObject({ status: 404, text: unknown })
    }
  })

  test('is refused in its own protocol', async () => {
    const host = { host: 'elsewhere.example' }
    const inJson = await send('POST', '/', { headers: { ...TARGET, ...host }, body: '{}' })
    expect(inJson).toMatchObject({ status: 403, headers: { 'x-amzn-query-error': 'AccessDenied;Sender' } })
    expect(JSON.parse(inJson.text)).toEqual({
      __type: 'com.amazonaws.sqs#AccessDenied',
      message: expect.stringContaining('--allowed-host'),
    })
    const inXml = await send('POST', '/', { headers: { ...FORM, ...host }, body: 'Action=ListQueues' })
    expect(inXml).toMatchObject({ status: 403, text: expect.stringContaining('<Code>AccessDenied</Code>') })
    const http = await send('GET', '/queues', { headers: host })
    expect(http).toMatchObject({ status: 403, headers: { 'content-type': 'application/problem+json' } })
    expect(JSON.parse(http.text)).toMatchObject({ code: 'CallerRefused' })
  })

  test('too large gets an error that says what to do', async () => {
    const headers = { ...TARGET, 'content-length': String(9_000_000) }
    const got = await send('POST', '/', { headers, body: new Uint8Array(9_000_000) }).catch(() => undefined)
    if (got) expect(got).toMatchObject({ status: 413, text: expect.stringContaining('in one request') })
  })
})

describe('any other request to the local server', () => {
  test("is for the HTTP API, and gets the HTTP API's error", async () => {
    for (const [method, path] of [
      ['POST', '/'],
      ['GET', '/000000000000/v'],
      ['GET', '/favicon.ico'],
    ] as const) {
      const got = await send(method, path)
      expect(got).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json' } })
      expect(JSON.parse(got.text)).toMatchObject({
        code: 'RouteNotFound',
        hint: expect.stringContaining('X-Amz-Target'),
      })
    }
    expect(JSON.parse((await send('GET', '/health')).text)).toEqual({ status: 'ok' })
    expect(JSON.parse((await send('GET', '/')).text)).toEqual({
      name: 'holdfast',
      version: VERSION,
      sqs: '/',
      queues: '/queues',
      console: '/console',
      openapi: '/openapi.json',
      health: '/health',
    })
    expect(JSON.parse((await send('GET', '/openapi.json')).text)).toMatchObject({ openapi: '3.1.0' })
  })
})

describe('a server that is to end', () => {
  // Nothing below may depend on the limit after which it closes every connection.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const opened = async (): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: server.port })
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }

  test('does not wait for connections that nothing has come on', async () => {
    const socket = await opened()
    const closed = once(socket.resume(), 'close')
    await send('GET', '/health')
    await server.stop()
    await closed
  })

  test('does not wait for connections that are kept alive', async () => {
    const socket = await opened()
    const closed = once(socket, 'close')
    socket.write('GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    await once(socket, 'data')
    await server.stop()
    await closed
  })

  test('answers a long poll at once, in either protocol', async () => {
    await purgeQueue(engine, 'v')
    const asJson = { 'content-type': 'application/json' }
    const wait = { ...TARGET, 'x-amz-target': 'AmazonSQS.ReceiveMessage' }
    const http = send('POST', '/queues/v/poll', { headers: asJson, body: '{"waitTimeSeconds":20}' })
    const sqs = send('POST', '/', {
      headers: wait,
      body: '{"QueueUrl":"http://x/000000000000/v","WaitTimeSeconds":20}',
    })
    await send('GET', '/health')
    await send('GET', '/queues/v')
    await server.stop()
    expect(await http).toMatchObject({ status: 200, text: '{"messages":[]}' })
    expect(await sqs).toMatchObject({ status: 200, text: '{}' })
  })

  test('answers a request whose body is still coming', async () => {
    const socket = await opened()
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const body = '{"messages":[{"body":"late"}]}'
    const head = `POST /queues/v/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    socket.write(head + body.slice(0, 5))
    await send('GET', '/queues/v')
    const stopping = server.stop()
    socket.write(body.slice(5))
    await once(socket, 'close')
    await stopping
    expect(text).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
    expect((await counts(engine, 'v')).ready).toBe(2)
  })
})
