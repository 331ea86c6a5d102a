import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../lib/clock.ts'
import type { HttpTransportParts } from '../../../lib/transport/http-call.ts'
import { httpTransport } from '../../../lib/transport/http-transport.ts'
import type { Transport } from '../../../lib/transport/port.ts'
import { unsigned } from '../../../lib/transport/signer.ts'
import {
  QUEUE_ANSWER as QUEUE,
  RESULT_ANSWER,
  HANDLES_ANSWER as RESULTS,
  STORED_ANSWER as STORED,
} from './api-answers.ts'

type Answer = (() => Response) | 'lost'
const json =
  (body: unknown, init: ResponseInit = {}) =>
  () =>
    Response.json(body, init)
const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  json({ code, status, detail: 'refused' }, { status, headers })
const noContent = () => new Response(null, { status: 204 })
const page =
  (status: number, headers: Record<string, string> = {}) =>
  () =>
    new Response('<html><head><style>b{}</style></head><body><h1>Bad  gateway</h1>\n<hr>nginx</body></html>', {
      status,
      headers: { 'content-type': 'text/html', ...headers },
    })

/** A transport whose server gives these answers in turn, and whose clock notes each wait. */
const answering = (answers: readonly Answer[], parts: Partial<HttpTransportParts> = {}) => {
  const left = [...answers]
  const calls: string[] = []
  const waits: number[] = []
  const clock: Clock = {
    now: () => 0,
    sleep: async (ms) => {
      waits.push(ms)
    },
  }
  const transport = httpTransport({
    url: new URL('http://127.0.0.1:9324/stage/'),
    sign: unsigned,
    clock,
    fraction: () => 0.5,
    ...parts,
    fetch: async (input, init) => {
      const url = new URL(String(input))
      calls.push(`${init?.method} ${url.pathname}${url.search}`)
      const answer = left.shift()
      if (answer === undefined) throw new Error('more calls than answers')
      if (answer === 'lost') throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })
      return answer()
    },
  })
  return { transport, calls, waits }
}

const ID = '019ca945-0a00-8000-801b-ff0fd396070b'
interface Verb {
  readonly call: (transport: Transport) => Promise<unknown>
  readonly request: string
  readonly good: unknown
  readonly repeated: boolean
}
const VERBS: Readonly<Record<string, Verb>> = {
  createQueue: { call: (t) => t.createQueue('q', {}), request: 'PUT /stage/queues/q', good: QUEUE, repeated: true },
  getQueue: { call: (t) => t.getQueue('q'), request: 'GET /stage/queues/q', good: QUEUE, repeated: true },
  updateQueue: { call: (t) => t.updateQueue('q', {}), request: 'PATCH /stage/queues/q', good: QUEUE, repeated: true },
  deleteQueue: { call: (t) => t.deleteQueue('q'), request: 'DELETE /stage/queues/q', good: undefined, repeated: true },
  purgeQueue: {
    call: (t) => t.purgeQueue('q'),
    request: 'POST /stage/queues/q/purge',
    good: undefined,
    repeated: true,
  },
  listQueues: {
    call: (t) => t.listQueues({ prefix: 'a&b', limit: 3 }),
    request: 'GET /stage/queues?prefix=a%26b&limit=3',
    good: { queues: [] },
    repeated: true,
  },
  counts: { call: (t) => t.counts('q'), request: 'GET /stage/queues/q', good: QUEUE, repeated: true },
  publish: {
    call: (t) => t.publish('q', [{ body: 1 }]),
    request: 'POST /stage/queues/q/messages',
    good: { messages: [{ ok: true, messageId: ID }] },
    repeated: true,
  },
  poll: {
    call: (t) => t.poll('q', { maxMessages: 1, waitTimeSeconds: 0 }),
    request: 'POST /stage/queues/q/poll',
    good: { messages: [] },
    repeated: false,
  },
  ack: { call: (t) => t.ack('q', ['h']), request: 'POST /stage/queues/q/ack', good: RESULTS, repeated: true },
  nack: {
    call: (t) => t.nack('q', [{ receiptHandle: 'h' }]),
    request: 'POST /stage/queues/q/nack',
    good: RESULTS,
    repeated: true,
  },
  extend: {
    call: (t) => t.extend('q', [{ receiptHandle: 'h', visibilityTimeoutSeconds: 9 }]),
    request: 'POST /stage/queues/q/extend',
    good: RESULTS,
    repeated: true,
  },
  unreceive: {
    call: (t) => t.unreceive('q', ['h']),
    request: 'POST /stage/queues/q/unreceive',
    good: RESULTS,
    repeated: true,
  },
  getMessage: {
    call: (t) => t.getMessage('q', ID),
    request: `GET /stage/queues/q/messages/${ID}`,
    good: STORED,
    repeated: true,
  },
  messageStatus: {
    call: (t) => t.messageStatus('q', ID),
    request: `GET /stage/queues/q/messages/${ID}`,
    good: RESULT_ANSWER,
    repeated: true,
  },
  awaitResult: {
    call: (t) => t.awaitResult('q', ID),
    request: `GET /stage/queues/q/messages/${ID}/result?waitTimeSeconds=0`,
    good: RESULT_ANSWER,
    repeated: true,
  },
  browse: {
    call: (t) => t.browse('q', { limit: 2 }),
    request: 'GET /stage/queues/q/messages?limit=2',
    good: { messages: [] },
    repeated: true,
  },
  cancelMessage: {
    call: (t) => t.cancelMessage('q', ID),
    request: `DELETE /stage/queues/q/messages/${ID}`,
    good: undefined,
    repeated: true,
  },
  rescheduleMessage: {
    call: (t) => t.rescheduleMessage('q', ID, { delaySeconds: 1 }),
    request: `PATCH /stage/queues/q/messages/${ID}`,
    good: STORED,
    repeated: true,
  },
}

test('every method of the transport that makes a request is in the table of verbs', () => {
  const { transport } = answering([])
  const verbs = Object.keys(transport).filter((name) => typeof transport[name as keyof Transport] === 'function')
  expect(verbs.filter((name) => name !== 'close').sort()).toEqual([...Object.keys(VERBS), 'resendMessage'].sort())
})

test('a message is sent again only when that was certainly not done, since each time is one more', async () => {
  const lost = answering(['lost'])
  await expect(lost.transport.resendMessage('q', ID)).rejects.toMatchObject({ code: 'StoreUnavailable' })
  expect(lost.calls).toEqual([`POST /stage/queues/q/messages/${ID}/resend`])
  const throttled = answering([problem(429, 'Throttled'), json(STORED)])
  await throttled.transport.resendMessage('q', ID)
  expect(throttled.calls).toHaveLength(2)
})

describe.each(Object.entries(VERBS))('%s over HTTP', (_, { call, request, good, repeated }) => {
  const FAILURES: readonly (readonly [string, Answer, string])[] = [
    ['a lost answer', 'lost', 'StoreUnavailable'],
    ['a throttled request', problem(429, 'Throttled'), 'Throttled'],
    ['a store that can not be reached', problem(503, 'StoreUnavailable'), 'StoreUnavailable'],
    ["a proxy's page", page(502), 'StoreUnavailable'],
    ["a gateway's timeout", json({ message: 'Endpoint request timed out' }, { status: 504 }), 'StoreUnavailable'],
    ['a crashed function', json({ message: 'Internal Server Error' }, { status: 500 }), 'StoreUnavailable'],
    ['an answer cut off', () => new Response('{"mess', { status: 200 }), 'StoreUnavailable'],
  ]

  test.each(FAILURES)(`is ${repeated ? '' : 'not '}repeated after %s`, async (_name, failure, code) => {
    const { transport, calls, waits } = answering([failure, failure, good === undefined ? noContent : json(good)])
    if (repeated) {
      await call(transport)
      expect(calls).toEqual([request, request, request])
      expect(waits).toEqual([50, 100])
    } else {
      await expect(call(transport)).rejects.toMatchObject({ name: 'HoldfastError', code, retryable: true })
      expect(calls).toEqual([request])
    }
  })

  test.each([
    ['a refusal', problem(400, 'InvalidRequest'), 'InvalidRequest'],
    ['a missing queue', problem(404, 'QueueNotFound'), 'QueueNotFound'],
    ['an unexpected failure of the service', problem(500, 'Internal'), 'Internal'],
    ['a caller without rights', json({ message: 'Forbidden' }, { status: 403 }), 'AccessDenied'],
    ['a redirect', () => new Response(null, { status: 301, headers: { location: 'https://b/' } }), 'InvalidRequest'],
  ])('is not repeated after %s', async (_name, failure, code) => {
    const { transport, calls } = answering([failure])
    await expect(call(transport)).rejects.toMatchObject({ name: 'HoldfastError', code, retryable: false })
    expect(calls).toEqual([request])
  })

  test('is tried four times at most', async () => {
    const { transport, calls } = answering(Array(4).fill('lost'))
    await expect(call(transport)).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(calls).toHaveLength(repeated ? 4 : 1)
  })

  test('sends nothing when it is called off before it begins', async () => {
    const { transport, calls } = answering([])
    const called = withSignal(transport, AbortSignal.abort(new Error('enough')))
    const outcome = await call(called).catch((error: Error) => error.message)
    expect(outcome).toEqual(repeated ? 'enough' : [])
    expect(calls).toEqual([])
  })

  test('ends with the reason when it is called off while the answer is awaited', async () => {
    const stop = new AbortController()
    const transport = httpTransport({
      url: new URL('http://127.0.0.1:9324'),
      sign: unsigned,
      fetch: (_input, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
          stop.abort(new Error('enough'))
        }),
    })
    const outcome = await call(withSignal(transport, stop.signal)).catch((error: Error) => error.message)
    expect(outcome).toEqual(repeated ? 'enough' : [])
  })

  test('ends with the reason when it is called off while it waits to be repeated', async () => {
    if (!repeated) return
    const stop = new AbortController()
    const { transport, calls } = answering(['lost', json(good)], {
      clock: { now: () => 0, sleep: async () => stop.abort(new Error('enough')) },
    })
    await expect(call(withSignal(transport, stop.signal))).rejects.toThrow('enough')
    expect(calls).toHaveLength(1)
  })
})

/** The transport with this signal in the options of each call: the last argument, whatever else is in it. */
const withSignal = (transport: Transport, signal: AbortSignal): Transport =>
  Object.fromEntries(
    Object.entries(transport).map(([name, method]) => [
      name,
      typeof method !== 'function'
        ? method
        : (...given: unknown[]) => {
            const inLast = name === 'poll'
            const args = inLast ? [given[0], { ...(given[1] as object), signal }] : [...given, { signal }]
            return (method as (...args: unknown[]) => unknown)(...args)
          },
    ]),
  ) as unknown as Transport

describe('a server that asks to be left alone for a while', () => {
  const ack = (transport: Transport) => transport.ack('q', ['h'])

  test.each<[string, Record<string, string>, number]>([
    ['by seconds', { 'retry-after': '3' }, 3_000],
    ['by a date', { 'retry-after': 'Tue, 01 Jan 2030 00:00:07 GMT', date: 'Tue, 01 Jan 2030 00:00:00 GMT' }, 7_000],
    [
      'by a date in the past',
      { 'retry-after': 'Tue, 01 Jan 2030 00:00:00 GMT', date: 'Tue, 01 Jan 2030 00:00:09 GMT' },
      0,
    ],
    ['by a date without the time of day', { 'retry-after': 'Tue, 01 Jan 2030 00:00:07 GMT' }, 0],
    ['in words', { 'retry-after': 'soon' }, 0],
  ])('%s is left alone that long, and a random while more', async (_, headers, ms) => {
    for (const answer of [problem(429, 'Throttled', headers), page(503, headers)]) {
      const { transport, waits } = answering([answer, json(RESULTS)])
      expect(await ack(transport)).toEqual([{ ok: true }])
      expect(waits).toEqual([ms + 50])
    }
  })

  test('for longer than anyone would wait is not asked again', async () => {
    const { transport, calls, waits } = answering([problem(429, 'Throttled', { 'retry-after': '3600' })])
    await expect(ack(transport)).rejects.toMatchObject({ code: 'Throttled', retryable: true })
    expect({ calls: calls.length, waits }).toEqual({ calls: 1, waits: [] })
  })
})

describe('the error for an answer that is not of a Holdfast API', () => {
  const failureOf = async (answer: Answer) => {
    const { transport } = answering([answer], { maxAttempts: 1 })
    return transport.getQueue('q').then(
      () => undefined,
      (error: Error) => error.message,
    )
  }

  test('quotes the answer, and of a page only its text', async () => {
    expect(await failureOf(page(502))).toBe('http://127.0.0.1:9324 answered 502 "Bad gateway nginx"')
    expect(await failureOf('lost')).toBe('http://127.0.0.1:9324 could not be reached, or broke off (ECONNRESET)')
    expect(await failureOf(() => new Response('x'.repeat(9_000), { status: 503 }))).toBe(
      `http://127.0.0.1:9324 answered 503 "${'x'.repeat(300)}…"`,
    )
  })

  test('names the place where the mistake may be', async () => {
    expect(await failureOf(json({ message: 'Not Found' }, { status: 404 }))).toBe(
      'http://127.0.0.1:9324 answered 404: is that the address of a Holdfast API, with its stage? "{\\"message\\":\\"Not Found\\"}"',
    )
    expect(await failureOf(page(200))).toBe(
      'http://127.0.0.1:9324 answered 200 without JSON: is that the address of a Holdfast API? "Bad gateway nginx"',
    )
    expect(await failureOf(() => new Response(null, { status: 308, headers: { location: 'https://b/' } }))).toBe(
      'http://127.0.0.1:9324 answered 308, a redirect to https://b/: give the client that address',
    )
  })

  test.each<[string, Verb, unknown]>([
    ['another object', VERBS.poll as Verb, { hello: 'world' }],
    ['too few results', VERBS.ack as Verb, { results: [] }],
    ['too many results', VERBS.publish as Verb, { messages: [{ ok: true, messageId: ID }, {}] }],
    ['a list', VERBS.browse as Verb, [1]],
  ])('is a HoldfastError for %s', async (_, { call }, answer) => {
    const { transport } = answering([json(answer)], { maxAttempts: 1 })
    await expect(call(transport)).rejects.toMatchObject({ name: 'HoldfastError', code: 'StoreUnavailable' })
  })

  test.each([
    [401, 'AccessDenied'],
    [403, 'AccessDenied'],
    [407, 'AccessDenied'],
    [408, 'StoreUnavailable'],
    [413, 'MessageTooLarge'],
    [414, 'InvalidRequest'],
    [429, 'Throttled'],
    [501, 'NotSupported'],
    [520, 'StoreUnavailable'],
  ])('of status %i is %s, also under a code that this version does not know', async (status, code) => {
    for (const answer of [page(status), problem(status, 'SomethingNew')]) {
      const { transport } = answering([answer], { maxAttempts: 1 })
      await expect(transport.getQueue('q')).rejects.toMatchObject({ code })
    }
  })
})

describe('a request that can not be made', () => {
  test.each(['', '.', '..', 'a/b', 'a b', '%2e%2e', 'x'.repeat(81), 'ü', undefined as never])(
    'for the queue name %j is refused before it is sent',
    async (name) => {
      const { transport, calls } = answering([])
      for (const work of [
        async () => transport.deleteQueue(name),
        async () => transport.purgeQueue(name),
        async () => transport.publish(name, [{ body: 1 }]),
        async () => transport.poll(name, { maxMessages: 1 }),
        async () => transport.ack(name, ['h']),
        async () => transport.cancelMessage(name, ID),
      ]) {
        await expect(work()).rejects.toMatchObject({ code: 'InvalidRequest', fields: { field: 'queue' } })
      }
      expect(calls).toEqual([])
    },
  )

  test.each(['', '.', '..', '../..', 'no such id', 'x'.repeat(500), undefined as never])(
    'for the message id %j finds no message',
    async (id) => {
      const { transport, calls } = answering([])
      for (const work of [
        async () => transport.getMessage('q', id),
        async () => transport.cancelMessage('q', id),
        async () => transport.rescheduleMessage('q', id, { delaySeconds: 1 }),
      ]) {
        await expect(work()).rejects.toMatchObject({ code: 'MessageNotFound', fields: { field: 'messageId' } })
      }
      expect(calls).toEqual([])
    },
  )

  test.each([-5, Number.NaN, 1e12])(
    'with a wait of %d seconds is left to the server to refuse',
    async (waitTimeSeconds) => {
      const { transport, calls } = answering([problem(400, 'InvalidRequest')])
      await expect(transport.poll('q', { waitTimeSeconds })).rejects.toMatchObject({ code: 'InvalidRequest' })
      expect(calls).toHaveLength(1)
    },
  )
})

test.each([0.0015, 1.001, 19.999])(
  'a call may wait for %d seconds, which are no whole milliseconds',
  async (waitTimeSeconds) => {
    const { transport } = answering([json({ messages: [] }), json(RESULT_ANSWER)])
    expect(await transport.poll('q', { waitTimeSeconds })).toEqual([])
    expect(await transport.awaitResult('q', ID, { waitTimeSeconds })).toMatchObject({ status: { state: 'done' } })
  },
)

test('entries that differ travel in several requests, and one that fails leaves the others their results', async () => {
  const { transport, calls } = answering([
    json({ results: [{ ok: true }, { ok: false, error: { code: 'LeaseLost', status: 409, detail: 'lost' } }] }),
    problem(404, 'QueueNotFound'),
  ])
  const results = await transport.nack('q', [
    { receiptHandle: 'a', delaySeconds: 1 },
    { receiptHandle: 'b', delaySeconds: 2 },
    { receiptHandle: 'c', delaySeconds: 1 },
  ])
  expect(results).toMatchObject([
    { ok: true },
    { ok: false, error: { code: 'QueueNotFound' } },
    { ok: false, error: { code: 'LeaseLost' } },
  ])
  expect(calls).toHaveLength(2)
})
