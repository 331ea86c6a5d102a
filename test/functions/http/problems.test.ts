import { beforeEach, describe, expect, test } from 'vitest'
import { JSON_BRACKETS, JSON_DEPTH, JSON_VALUES, REQUEST_BYTES } from '../../../functions/http/request-body.ts'
import { routes } from '../../../functions/http/routes.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { LIMITS } from '../../../lib/model/limits.ts'
import fc from '../../support/properties.ts'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

const MESSAGES = '/queues/orders/messages'
const one = (message: unknown) => ({ messages: [message] })

/** What is sent, and the field and value that the refusal names. */
const REFUSED: readonly (readonly [string, string, string, unknown, object])[] = [
  ['a list in place of the object', 'POST', MESSAGES, [], { field: 'request' }],
  ['no messages', 'POST', MESSAGES, {}, { field: 'messages' }],
  ['an empty list of messages', 'POST', MESSAGES, { messages: [] }, { field: 'messages' }],
  ['26 messages', 'POST', MESSAGES, { messages: Array(26).fill({ body: 1 }) }, { field: 'messages' }],
  [
    'a priority where there is one',
    'POST',
    MESSAGES,
    one({ body: 1, priority: 3 }),
    {
      value: 3,
      detail:
        'messages[0].priority must be 0 (the queue has one priority, and more with its setting priorities), but is 3',
    },
  ],
  ['an unknown field', 'POST', MESSAGES, { messages: [{ body: 1 }], dryRun: true }, { field: 'dryRun', value: true }],
  ['an unknown field inside', 'POST', MESSAGES, one({ body: 1, ttl: 5 }), { field: 'messages[0].ttl', value: 5 }],
  ['a message without a body', 'POST', MESSAGES, one({}), { field: 'messages[0]' }],
  ['two bodies', 'POST', MESSAGES, one({ body: 1, bodyBase64: '' }), { field: 'messages[0]' }],
  ['bytes that are not base64', 'POST', MESSAGES, one({ bodyBase64: '*' }), { field: 'messages[0].bodyBase64' }],
  [
    'a delay of the wrong type',
    'POST',
    MESSAGES,
    { messages: [{ body: 1 }, { body: 1, delaySeconds: '5' }] },
    { field: 'messages[1].delaySeconds', value: '5' },
  ],
  ['a delay too long', 'POST', MESSAGES, one({ body: 1, delaySeconds: 1e12 }), { value: 1e12 }],
  ['a delay below nothing', 'POST', MESSAGES, one({ body: 1, delaySeconds: -1 }), { value: -1 }],
  ['a number beyond all numbers', 'POST', MESSAGES, '{"messages":[{"body":1,"delaySeconds":1e999}]}', {}],
  [
    'a delay and a due time',
    'POST',
    MESSAGES,
    one({ body: 1, delaySeconds: 1, dueAt: 1 }),
    { field: 'messages[0].dueAt' },
  ],
  ['no date', 'POST', MESSAGES, one({ body: 1, dueAt: 'soon' }), { field: 'messages[0].dueAt', value: 'soon' }],
  ['31 February', 'POST', MESSAGES, one({ body: 1, dueAt: '2030-02-31T25:00:00Z' }), { field: 'messages[0].dueAt' }],
  [
    'a priority that the queue has not',
    'POST',
    MESSAGES,
    one({ body: 1, priority: 1 }),
    { field: 'messages[0].priority' },
  ],
  ['a fraction of a priority', 'POST', MESSAGES, one({ body: 1, priority: 0.5 }), { value: 0.5 }],
  [
    'an attribute of no type',
    'POST',
    MESSAGES,
    one({ body: 1, attributes: { a: { value: 'x' } } }),
    { field: 'messages[0].attributes.a.dataType' },
  ],
  [
    'an attribute that is a list',
    'POST',
    MESSAGES,
    one({ body: 1, attributes: { a: [] } }),
    { field: 'messages[0].attributes.a' },
  ],
  [
    'an attribute of an unknown type',
    'POST',
    MESSAGES,
    one({ body: 1, attributes: { a: { dataType: 'Blob', value: 'x' } } }),
    { field: 'messages[0].attributes.a.dataType', value: 'Blob' },
  ],
  [
    'too many messages to poll',
    'POST',
    '/queues/orders/poll',
    { maxMessages: 26 },
    { field: 'maxMessages', value: 26 },
  ],
  ['too long a wait', 'POST', '/queues/orders/poll', { waitTimeSeconds: 21 }, { field: 'waitTimeSeconds', value: 21 }],
  ['no receipt handles', 'POST', '/queues/orders/ack', { receiptHandles: [] }, { field: 'receiptHandles' }],
  [
    'a number as handle',
    'POST',
    '/queues/orders/ack',
    { receiptHandles: [1] },
    { field: 'receiptHandles[0]', value: 1 },
  ],
  [
    'an extension by no time',
    'POST',
    '/queues/orders/extend',
    { receiptHandles: ['x'] },
    { field: 'visibilityTimeoutSeconds' },
  ],
  ['a setting out of range', 'PUT', '/queues/mail', { delaySeconds: -1 }, { field: 'delaySeconds', value: -1 }],
  ['a setting of the wrong type', 'PUT', '/queues/mail', { shards: '2' }, { field: 'shards', value: '2' }],
  ['an unknown setting', 'PUT', '/queues/mail', { colour: 'red' }, { field: 'colour', value: 'red' }],
  [
    'a setting that knows two values',
    'PUT',
    '/queues/mail',
    { deduplicationMode: 'never' },
    { field: 'deduplicationMode', value: 'never' },
  ],
  [
    'a dead-letter queue that is not there',
    'PUT',
    '/queues/mail',
    { deadLetter: { queue: 'none', maxReceives: 3 } },
    { field: 'deadLetter.queue', value: 'none' },
  ],
  [
    'a null that removes nothing',
    'PATCH',
    '/queues/orders',
    { delaySeconds: null },
    { field: 'delaySeconds', value: null },
  ],
  ['a queue name with a dot', 'PUT', '/queues/a.b', {}, { field: 'queue', value: 'a.b' }],
  ['a queue name too long', 'PUT', `/queues/${'q'.repeat(81)}`, {}, { field: 'queue' }],
  ['a queue name beyond ASCII', 'GET', '/queues/%C3%A4', undefined, { field: 'queue', value: 'ä' }],
  ['a limit that is no number', 'GET', '/queues?limit=many', undefined, { field: 'limit', value: 'many' }],
  ['a query parameter given twice', 'GET', '/queues?limit=1&limit=2', undefined, { field: 'limit', value: '1,2' }],
  ['a made-up cursor', 'GET', '/queues?cursor=zzz', undefined, { field: 'cursor', value: 'zzz' }],
  ['an unknown query parameter', 'GET', '/queues?colour=red', undefined, { field: 'colour', value: 'red' }],
  ['a cursor of its own making', 'GET', `${MESSAGES}?cursor=abc`, undefined, { field: 'cursor', value: 'abc' }],
  ['no time to put off to', 'PATCH', `${MESSAGES}/x`, {}, { field: 'dueAt' }],
  ['a rate of nothing', 'POST', '/queues/orders/redrive', { maxPerSecond: 0 }, { field: 'maxPerSecond', value: 0 }],
]

describe.each(SURFACES)('problems over HTTP, %s', (_name, surface) => {
  let api: Api
  beforeEach(async () => {
    api = apiOn(surface)
    await api.send('PUT', '/queues/orders', {})
  })

  test.each(REFUSED)('refuse %s', async (_case, method, path, body, named) => {
    const got = await api.send(method, path, body)
    expect(got).toMatchObject({ status: 400, body: { code: 'InvalidRequest', retryable: false, ...named } })
    expect(got.headers['content-type']).toBe('application/problem+json')
  })

  test('have the fault in a problem document', async () => {
    const got = await api.send('POST', MESSAGES, one({ body: 1, delaySeconds: -1 }), { 'x-request-id': 'mine-1' })
    expect(got.body).toEqual({
      type: 'urn:holdfast:problem:invalid-request',
      title: 'Invalid request',
      status: 400,
      detail: 'messages[0].delaySeconds must be at least 0, but is -1',
      code: 'InvalidRequest',
      field: 'messages[0].delaySeconds',
      value: -1,
      retryable: false,
      requestId: 'mine-1',
    })
    expect(got.headers['x-request-id']).toBe('mine-1')
  })

  test.each([
    ['PUT', '/queues/mail', { visibilityTimeout: 5 }, 'visibilityTimeout', 'did you mean visibilityTimeoutSeconds?'],
    ['PUT', '/queues/mail', { retentonSeconds: 5 }, 'retentonSeconds', 'did you mean retentionSeconds?'],
    ['PATCH', '/queues/orders', { Shards: 5 }, 'Shards', 'did you mean shards?'],
    ['PUT', '/queues/mail', { deadLetter: { queue: 'a', max: 1 } }, 'deadLetter.max', 'there are queue, maxReceives'],
    ['POST', '/queues/orders/poll', { maxMesages: 5 }, 'maxMesages', 'did you mean maxMessages?'],
    ['POST', MESSAGES, one({ body: 1, groupID: 5 }), 'messages[0].groupID', 'did you mean groupId?'],
    [
      'POST',
      MESSAGES,
      one({ body: 1, attributes: { a: { datatype: 'String', value: 'x' } } }),
      'messages[0].attributes.a.datatype',
      'did you mean dataType?',
    ],
    ['POST', '/queues/orders/ack', { handles: 5 }, 'handles', 'did you mean receiptHandles?'],
    ['GET', '/queues?limt=5', undefined, 'limt', 'did you mean limit?'],
    ['POST', '/queues/orders/purge', { all: 5 }, 'all', 'there are none'],
  ])('say which field was meant: %s %s %j', async (method, path, body, field, advice) => {
    const got = await api.send(method, path, body)
    expect(got).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field } })
    expect(got.body.detail).toMatch(/(?: \(5\)| \("5"\)| \(1\))? is not a known field: /)
    expect(got.body.detail.endsWith(`: ${advice}`)).toBe(true)
  })

  test.each<[string, string, unknown, string]>([
    ['POST', MESSAGES, {}, 'messages must be a list, but is missing'],
    ['POST', MESSAGES, { messages: [] }, 'messages must hold at least 1 element, but is a list of 0 elements'],
    ['POST', MESSAGES, one({}), 'messages[0] must hold either body or bodyBase64, but is an object'],
    ['POST', MESSAGES, one({ bodyBase64: '*' }), 'messages[0].bodyBase64 must be base64, but is a string'],
    [
      'POST',
      MESSAGES,
      one({ body: 1, attributes: { a: true } }),
      'messages[0].attributes.a must be a string, a number or an object, but is a boolean',
    ],
    [
      'PUT',
      '/queues/mail',
      { redriveAllowPolicy: { permission: 'all' } },
      'redriveAllowPolicy.permission must be "allowAll", "denyAll" or "byQueue", but is "all"',
    ],
    ['PUT', '/queues/mail', { fifo: {} }, 'queue must end in .fifo, as it has fifo settings, but is "mail"'],
    [
      'PUT',
      '/queues/orders',
      { visibilityTimeoutSeconds: 77 },
      'queue orders exists with another visibilityTimeoutSeconds: update the queue to change it',
    ],
    [
      'POST',
      '/queues/orders/nack',
      { receiptHandles: ['x'], deadLetter: true, delaySeconds: 1 },
      'delaySeconds must not be given together with deadLetter, but is 1',
    ],
    [
      'POST',
      '/queues/orders/nack',
      { receiptHandles: ['x'], error: 'bad' },
      'error must be given together with deadLetter: true, but is "bad"',
    ],
    ['GET', '/queues/orders/redrive/none', undefined, 'queue orders has no redrive "none"'],
    ['GET', '/queues/orders/messages/none', undefined, 'queue orders has no message "none"'],
    ['GET', '/queues?cursor=zzz', undefined, 'cursor must be the cursor of an earlier page, but is "zzz"'],
  ])('say what is wrong and what is right: %s %s %j', async (method, path, body, detail) => {
    expect((await api.send(method, path, body)).body).toMatchObject({ detail })
  })

  test("of a change of a queue's kind say that a queue never changes it", async () => {
    await api.send('PUT', '/queues/steps.fifo', {})
    for (const [name, fifo, kind] of [
      ['orders', {}, 'orders is a standard queue'],
      ['steps.fifo', null, 'steps.fifo is a FIFO queue'],
    ] as const) {
      const got = await api.send('PATCH', `/queues/${name}`, { fifo })
      expect(got).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field: 'fifo', queue: name } })
      expect(got.body.detail).toContain(`${kind}, and a queue never changes its kind: create another one`)
    }
    expect((await api.send('PATCH', '/queues/steps.fifo', { fifo: {} })).status).toBe(200)
    expect((await api.send('PATCH', '/queues/orders', { fifo: null })).status).toBe(200)
  })

  test('never repeat what is in a message', async () => {
    const secret = 'SECRET'
    for (const message of [
      { bodyBase64: `${secret}*` },
      { body: secret, bodyBase64: secret, [secret.toLowerCase()]: 1 },
      { body: secret, attributes: { a: { dataType: 'String', value: [secret] } } },
      { body: secret, attributes: { a: { dataType: 'Binary', valueBase64: `${secret}*` } } },
    ]) {
      const got = await api.send('POST', MESSAGES, one(message))
      expect(got.status).toBe(400)
      expect(JSON.stringify(got.body)).not.toContain(secret)
    }
    const broken = await api.send('POST', MESSAGES, `{"messages":[{"body":"${secret}"]}`)
    expect(broken).toMatchObject({ status: 400, body: { detail: 'the request is not valid JSON (line 1, column 30)' } })
  })

  test('make up a request id where the given one is none', async () => {
    const got = await api.send('GET', '/queues/none', undefined, { 'x-request-id': 'not an id' })
    expect(got.headers['x-request-id']).toMatch(/^[\w-]{10,}$/)
    expect(got.body.requestId).toBe(got.headers['x-request-id'])
  })

  test('have different codes for an unknown queue, an unknown message and an unknown path', async () => {
    expect((await api.send('GET', '/queues/none')).body).toMatchObject({
      status: 404,
      code: 'QueueNotFound',
      queue: 'none',
    })
    expect((await api.send('GET', `${MESSAGES}/none`)).body).toMatchObject({ status: 404, code: 'MessageNotFound' })
    expect((await api.send('GET', '/nothing/here')).body).toMatchObject({ status: 404, code: 'RouteNotFound' })
    for (const { method, path, request } of routes) {
      const filled = path.replace('{queue}', 'none').replaceAll(/\{[^}]+\}/g, 'x')
      if (!path.includes('{queue}') || method === 'PUT') continue
      const body = request && bodyFor(filled)
      expect((await api.send(method, filled, body)).status, `${method} ${path}`).toBe(404)
    }
  })

  test('name the methods that a path takes', async () => {
    const got = await api.send('DELETE', '/queues/orders/poll')
    expect(got).toMatchObject({ status: 405, body: { code: 'MethodNotAllowed', value: 'DELETE' } })
    expect(got.headers.allow).toBe('POST, OPTIONS')
    const options = await api.send('OPTIONS', '/queues/orders')
    expect(options.status).toBe(204)
    expect(options.headers.allow).toBe('PUT, GET, PATCH, DELETE, HEAD, OPTIONS')
  })

  test('refuse what is not JSON', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await api.send('POST', MESSAGES, 'a=b', form)).toMatchObject({
      status: 415,
      body: { code: 'UnsupportedMediaType', value: 'application/x-www-form-urlencoded' },
    })
    for (const broken of ['{', 'null x', '{"a":}', "{'a':1}", '\u0000', '{"messages":[{"body":"\u0001"}]}']) {
      expect((await api.send('POST', MESSAGES, broken)).body).toMatchObject({ status: 400, code: 'InvalidRequest' })
    }
    expect((await api.send('POST', '/queues/orders/poll', 'null')).status).toBe(400)
  })

  test('refuse JSON nested beyond reason, and take it up to there', async () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    const body = (levels: number) => `{"messages":[{"body":${nested(levels)}}]}`
    expect((await api.send('POST', MESSAGES, body(JSON_DEPTH - 3))).status).toBe(201)
    expect((await api.send('POST', '/queues/orders/poll', {})).status).toBe(200)
    expect((await api.send('POST', MESSAGES, body(JSON_DEPTH))).status).toBe(400)
    expect((await api.send('POST', MESSAGES, body(1_000_000))).status).toBe(400)
    // Brackets in a string are none.
    expect((await api.send('POST', MESSAGES, one({ body: `\\"${'['.repeat(1_000)}` }))).status).toBe(201)
  })

  test('refuse JSON of more values than any message has, and take a message of the most', async () => {
    const listOf = (count: number) => `{"messages":[{"body":[${'[],'.repeat(count)}1]}]}`
    expect((await api.send('POST', MESSAGES, listOf(349_000))).status).toBe(201)
    const refused = await api.send('POST', MESSAGES, listOf(JSON_BRACKETS))
    expect(refused).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field: 'request' } })
    expect(refused.body.detail).toContain('or 600000 objects and lists')
    const numbers = await api.send('POST', MESSAGES, `{"messages":[{"body":[${'1,'.repeat(JSON_VALUES)}1]}]}`)
    expect(numbers).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field: 'request' } })
  })

  test('take a publish of the most bytes whose messages are all numbers of one digit', async () => {
    const message = `{"body":[${'1,'.repeat(LIMITS.messageBytes / 2 - 2)}1]}`
    const sent = await api.send('POST', MESSAGES, `{"messages":[${Array(4).fill(message).join()}]}`)
    expect(sent).toMatchObject({ status: 201, body: { messages: Array(4).fill({ ok: true }) } })
  })

  test('refuse requests and messages that are too large', async () => {
    const large = await api.send('POST', MESSAGES, one({ body: 'x'.repeat(REQUEST_BYTES) }))
    expect(large).toMatchObject({ status: 413, body: { code: 'RequestTooLarge' } })
    const message = await api.send('POST', MESSAGES, one({ body: 'x'.repeat(1_048_577) }))
    expect(message).toMatchObject({
      status: 413,
      body: { code: 'MessageTooLarge', field: 'messages[0]', value: 1_048_577 },
    })
    const together = await api.send('POST', MESSAGES, { messages: Array(5).fill({ body: 'x'.repeat(1_000_000) }) })
    expect(together).toMatchObject({ status: 413, body: { code: 'MessageTooLarge', field: 'messages' } })
  })

  test('are never internal failures, whatever JSON a route gets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), fc.oneof(fc.json(), almostRight), async ({ method, path }, text) => {
        const filled = path.replace('{queue}', 'orders').replaceAll(/\{[^}]+\}/g, 'x')
        const got = await api.send(method, filled, method === 'GET' ? undefined : text)
        expect(got.status).toBeLessThan(500)
        if (method === 'DELETE' && path === '/queues/{queue}') await api.send('PUT', '/queues/orders', {})
      }),
      { numRuns: 300 },
    )
  })
})

const bodyFor = (path: string): unknown => {
  if (path.endsWith('/messages')) return one({ body: 1 })
  if (/\/(ack|nack|unreceive)$/.test(path)) return { receiptHandles: ['x'] }
  if (path.endsWith('/extend')) return { receiptHandles: ['x'], visibilityTimeoutSeconds: 1 }
  if (path.endsWith('/resend')) return {}
  if (path.includes('/messages/')) return { delaySeconds: 1 }
  return {}
}

/** Fields that are known, with values that may be anything. */
const almostRight = fc
  .dictionary(
    fc.constantFrom(
      'messages',
      'receiptHandles',
      'maxMessages',
      'delaySeconds',
      'dueAt',
      'tags',
      'fifo',
      'filter',
      'shards',
    ),
    fc.oneof(
      fc.jsonValue(),
      fc.array(fc.dictionary(fc.constantFrom('body', 'bodyBase64', 'attributes', 'dueAt', 'priority'), fc.jsonValue())),
    ),
  )
  .map((value) => JSON.stringify(value))

describe.each(SURFACES)('failures of the store over HTTP, %s', (_name, surface) => {
  const failing = (error: Error) => apiOn(surface, (store) => ({ ...store, getDocument: () => Promise.reject(error) }))

  test('give the real reason if trying again makes sense', async () => {
    const got = await failing(new HoldfastError('Throttled', 'DynamoDB throttles')).send('GET', '/queues/orders')
    expect(got).toMatchObject({ status: 429, body: { code: 'Throttled', retryable: true } })
    expect(got.headers['retry-after']).toBe('1')
    const gone = await failing(new HoldfastError('StoreUnavailable', 'no answer')).send('GET', '/queues/orders')
    expect(gone).toMatchObject({ status: 503, body: { code: 'StoreUnavailable', retryable: true } })
  })

  test('contain no internals when they are unexpected', async () => {
    // `AccessDenied` of the store is a right that the function itself lacks: none of the caller's business.
    const errors = [
      new TypeError('secret of the house'),
      new HoldfastError('Internal', 'secret of the house'),
      new HoldfastError('AccessDenied', 'secret of the house'),
    ]
    for (const error of errors) {
      const got = await failing(error).send('GET', '/queues/orders')
      expect(got).toMatchObject({ status: 500, body: { code: 'Internal', retryable: false } })
      expect(JSON.stringify(got.body)).not.toContain('secret')
    }
  })

  test('of some messages of a publish are answered beside the ids of the others', async () => {
    let inserts = 0
    const api = apiOn(surface, (store) => ({
      ...store,
      insert: (segment) =>
        ++inserts % 2 === 0
          ? Promise.reject(new HoldfastError('StoreUnavailable', 'no answer'))
          : store.insert(segment),
    }))
    await api.send('PUT', '/queues/orders', {})
    const messages = [{ body: 'a' }, { body: 'b', delaySeconds: 60 }]
    const some = await api.send('POST', MESSAGES, { messages })
    expect(some.status).toBe(201)
    expect(some.body.messages).toEqual([
      { ok: true, messageId: expect.any(String) },
      { ok: false, error: expect.objectContaining({ code: 'StoreUnavailable', retryable: true }) },
    ])
    inserts = 1
    expect(await api.send('POST', MESSAGES, one({ body: 'c' }))).toMatchObject({
      status: 503,
      body: { retryable: true },
    })
  })
})
