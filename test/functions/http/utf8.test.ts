import { beforeEach, describe, expect, test } from 'vitest'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

/** The text with each `\xHH` in it as that byte. */
const bytes = (text: string): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      text
        .split(/(\\x[0-9a-f]{2})/)
        .map((part) => (/^\\x/.test(part) ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part))),
    ),
  )

/** A lone continuation, a sequence cut off, one too long, a surrogate, one beyond Unicode. */
const BROKEN = ['\\x80', '\\xc3', '\\xc0\\xaf', '\\xed\\xa0\\x80', '\\xf4\\x90\\x80\\x80', '\\xff']

const PLACES: readonly (readonly [string, string, string, (broken: string) => string])[] = [
  ['a body', 'POST', '/queues/orders/messages', (broken) => `{"messages":[{"body":"a${broken}"}]}`],
  ['a body of JSON', 'POST', '/queues/orders/messages', (broken) => `{"messages":[{"body":{"a":"${broken}"}}]}`],
  [
    "an attribute's value",
    'POST',
    '/queues/orders/messages',
    (broken) => `{"messages":[{"body":1,"attributes":{"a":"${broken}"}}]}`,
  ],
  [
    "an attribute's name",
    'POST',
    '/queues/orders/messages',
    (broken) => `{"messages":[{"body":1,"attributes":{"${broken}":"a"}}]}`,
  ],
  ['a group', 'POST', '/queues/orders/messages', (broken) => `{"messages":[{"body":1,"groupId":"a${broken}"}]}`],
  [
    'a deduplication id',
    'POST',
    '/queues/orders/messages',
    (broken) => `{"messages":[{"body":1,"deduplicationId":"a${broken}"}]}`,
  ],
  [
    'a trace header',
    'POST',
    '/queues/orders/messages',
    (broken) => `{"messages":[{"body":1,"traceHeader":"${broken}"}]}`,
  ],
  ["a tag's value", 'PATCH', '/queues/orders', (broken) => `{"tags":{"a":"${broken}"}}`],
  ["a tag's key", 'PATCH', '/queues/orders', (broken) => `{"tags":{"${broken}":"a"}}`],
  ['a field name', 'PATCH', '/queues/orders', (broken) => `{"${broken}":1}`],
]

describe.each(SURFACES)('bytes that are not UTF-8, over HTTP, %s', (_name, surface) => {
  let api: Api
  beforeEach(async () => {
    api = apiOn(surface)
    await api.send('PUT', '/queues/orders', {})
  })

  test.each(PLACES)('are refused in %s, and nothing is stored', async (_place, method, path, write) => {
    const before = (await api.send('GET', '/queues/orders')).body
    for (const broken of BROKEN) {
      const got = await api.send(method, path, bytes(write(broken)))
      expect(got).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field: 'request' } })
    }
    expect((await api.send('GET', '/queues/orders')).body).toEqual(before)
    expect((await api.send('GET', '/queues/orders/messages')).body.messages).toEqual([])
  })

  test('are refused in a query string', async () => {
    for (const broken of ['%ff', '%C3', '%c3x', '%ED%A0%80', 'a%80b']) {
      const got = await api.send('GET', `/queues?prefix=${broken}`)
      expect(got, broken).toMatchObject({ status: 400, body: { code: 'InvalidRequest', field: 'query' } })
    }
    expect((await api.send('GET', '/queues?prefix=%C3%A4')).status).toBe(200)
  })

  test('in the way of lone surrogates are refused wherever they would be kept as text', async () => {
    const lone = '\ud800'
    for (const [method, path, body] of [
      ['POST', '/queues/orders/messages', { messages: [{ body: lone }] }],
      ['POST', '/queues/orders/messages', { messages: [{ body: 1, attributes: { a: lone } }] }],
      ['POST', '/queues/orders/messages', { messages: [{ body: 1, attributes: { [lone]: 'a' } }] }],
      ['POST', '/queues/orders/messages', { messages: [{ body: 1, traceHeader: lone }] }],
      ['PATCH', '/queues/orders', { tags: { a: lone } }],
      ['PATCH', '/queues/orders', { tags: { [lone]: 'a' } }],
      ['POST', '/queues/orders/redrive', { filter: { bodyContains: lone } }],
      ['POST', '/queues/orders/redrive', { filter: { attributes: { a: lone } } }],
    ] as const) {
      const got = await api.send(method, path, body)
      expect(got, JSON.stringify(body)).toMatchObject({ status: 400, body: { code: 'InvalidRequest' } })
    }
    expect((await api.send('GET', '/queues/orders')).body.tags).toEqual({})
  })

  test('are not what other characters are', async () => {
    const body = 'ä \u{1f600} \ufffd \u0000'
    await api.send('POST', '/queues/orders/messages', { messages: [{ body, attributes: { ä: '\ufffd' } }] })
    expect((await api.send('POST', '/queues/orders/poll', {})).body.messages).toMatchObject([
      { body, attributes: { ä: '\ufffd' } },
    ])
  })
})
