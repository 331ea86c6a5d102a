import { describe, expect, test } from 'vitest'
import type { NewMessage } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type Fate, faultyStore, scripted } from '../../support/faulty-store.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { engineWithQueue, testEngine } from '../../support/test-engine.ts'

const publishedOn = async (...script: [keyof Store, Fate][]) => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const engine = await engineWithQueue({}, { clock, store })
  return { engine, faulty: testEngine({ clock, store: faultyStore(store, scripted(...script)), seed: 5 }) }
}

test('what is published is received as it was: text, JSON, bytes and attributes', async () => {
  const engine = await engineWithQueue()
  const messages: NewMessage[] = [
    {
      body: 'text',
      attributes: { colour: { dataType: 'String', value: 'blue' } },
      traceHeader: 'Root=1',
      senderId: 'me',
    },
    { body: { id: 7, list: [null, true] } },
    { body: Uint8Array.of(0, 255) },
    { body: '{"not":"parsed"}' },
    { body: null },
  ]
  const results = await publish(engine, 'orders', messages)
  const received = await poll(engine, 'orders', { maxMessages: 10 })
  expect(received.map(({ body }) => body)).toStrictEqual(messages.map(({ body }) => body))
  expect(received.map(({ messageId }) => ({ ok: true, messageId }))).toEqual(results)
  expect(received[0]).toEqual({
    messageId: expect.any(String),
    receiptHandle: expect.any(String),
    body: 'text',
    attributes: { colour: { dataType: 'String', value: 'blue' } },
    traceHeader: 'Root=1',
    senderId: 'me',
    publishedAt: START,
    dueAt: START,
    priority: 0,
    receiveCount: 1,
    firstReceivedAt: START,
    leasedUntil: START + 30_000,
  })
})

test('what the publisher does to its objects afterwards does not reach the message', async () => {
  const engine = await engineWithQueue()
  const bytes = Buffer.from([1, 2, 3])
  const json = { list: [1] }
  await publish(engine, 'orders', [{ body: bytes }, { body: json }])
  bytes[0] = 99
  json.list.push(2)
  const [first, second] = await poll(engine, 'orders', { maxMessages: 2 })
  expect(first?.body).toStrictEqual(Uint8Array.of(1, 2, 3))
  expect(second?.body).toEqual({ list: [1] })
})

test('messages come in the order of their due times, higher priorities first', async () => {
  const engine = await engineWithQueue({ priorities: 3, delaySeconds: 1 })
  await publish(engine, 'orders', [
    { body: 'default delay' },
    { body: 'urgent', priority: 2, delaySeconds: 2 },
    { body: 'at once', delaySeconds: 0 },
    { body: 'in the past', dueAt: START - 99 },
    { body: 'at an instant', dueAt: START + 500.4 },
  ])
  await engine.clock.advance(2_000)
  const received = await poll(engine, 'orders', { maxMessages: 10 })
  expect(received.map(({ body, dueAt }) => [body, dueAt - START])).toEqual([
    ['urgent', 2_000],
    ['at once', 0],
    ['in the past', 0],
    ['at an instant', 500],
    ['default delay', 1_000],
  ])
})

test('a delayed message is not received before its time, however far that is', async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: 'in ten years', delaySeconds: 315_360_000 }])
  await engine.clock.advance(315_359_999_999)
  expect(await poll(engine, 'orders')).toEqual([])
  await engine.clock.advance(1)
  expect(await poll(engine, 'orders')).toHaveLength(1)
})

test('a message past its time to live, or the retention of its queue, is gone', async () => {
  const engine = await engineWithQueue({ retentionSeconds: 60 })
  await publish(engine, 'orders', [{ body: 'short', timeToLiveSeconds: 10 }, { body: 'long' }])
  await engine.clock.advance(9_999)
  expect(
    (await poll(engine, 'orders', { maxMessages: 9, visibilityTimeoutSeconds: 0 })).map(({ body }) => body),
  ).toEqual(['short', 'long'])
  await engine.clock.advance(1)
  expect(
    (await poll(engine, 'orders', { maxMessages: 9, visibilityTimeoutSeconds: 0 })).map(({ body }) => body),
  ).toEqual(['long'])
  await engine.clock.advance(50_000)
  expect(await poll(engine, 'orders')).toEqual([])
})

describe('a put whose answer was lost', () => {
  test('and that was sent again leaves one message', async () => {
    const { engine, faulty } = await publishedOn(['insert', 'repeated'])
    expect(await publish(faulty, 'orders', [{ body: 'once' }])).toEqual([{ ok: true, messageId: expect.any(String) }])
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toHaveLength(1)
  })

  test('does not undo a lease that was taken meanwhile', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const engine = await engineWithQueue({}, { clock, store })
    const between = faultyStore(store, {
      ...scripted(['insert', 'repeated']),
      answering: async ({ operation }) => {
        if (operation === 'insert') received.push(...(await poll(engine, 'orders', { maxMessages: 10 })))
      },
    })
    const received: Awaited<ReturnType<typeof poll>> = []
    await publish(testEngine({ clock, store: between, seed: 5 }), 'orders', [{ body: 'once' }])
    expect(received).toHaveLength(1)
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toEqual([])
    expect(await ack(engine, 'orders', [received[0]?.receiptHandle as string])).toEqual([{ ok: true }])
  })

  test('and never sent again answers so for its messages alone', async () => {
    const { engine, faulty } = await publishedOn(['insert', 'unanswered'])
    const results = await publish(faulty, 'orders', [{ body: 'perhaps' }, { body: 'surely', delaySeconds: 0.001 }])
    expect(results).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'StoreUnavailable', retryable: true }) },
      { ok: true, messageId: expect.any(String) },
    ])
    await engine.clock.advance(1)
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toHaveLength(2)
  })
})

describe('what can not be published is refused whole, before anything is written', () => {
  test.each<[string, NewMessage]>([
    ['messages[1].body', { body: undefined as unknown as string }],
    ['messages[1].body', { body: 'half a pair \ud83d' }],
    ['messages[1].delaySeconds', { body: '', delaySeconds: -1 }],
    ['messages[1].delaySeconds', { body: '', delaySeconds: 315_360_001 }],
    ['messages[1].delaySeconds', { body: '', delaySeconds: '5' as unknown as number }],
    ['messages[1].dueAt', { body: '', dueAt: Number.NaN }],
    ['messages[1].dueAt', { body: '', dueAt: START, delaySeconds: 1 }],
    ['messages[1].priority', { body: '', priority: 1 }],
    ['messages[1].timeToLiveSeconds', { body: '', timeToLiveSeconds: 0 }],
    ['messages[1].groupId', { body: '', groupId: 'a b' }],
    ['messages[1].attributes.a', { body: '', attributes: { a: { dataType: 'Binary', value: 'text' } } }],
    ['messages[1].attributes.a.dataType', { body: '', attributes: { a: { dataType: 'Date', value: 'x' } } }],
  ])('%s', async (field, message) => {
    const engine = await engineWithQueue()
    await expect(publish(engine, 'orders', [{ body: 'fine' }, message])).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field },
    })
    expect(await poll(engine, 'orders')).toEqual([])
  })

  test('no message, more than 25, or one too large', async () => {
    const engine = await engineWithQueue({ maximumMessageBytes: 1_024 })
    const many = Array.from({ length: 26 }, () => ({ body: 'x' }))
    await expect(publish(engine, 'orders', [])).rejects.toMatchObject({ code: 'InvalidRequest' })
    await expect(publish(engine, 'orders', many)).rejects.toMatchObject({ code: 'InvalidRequest' })
    await expect(publish(engine, 'orders', [{ body: 'ü'.repeat(513) }])).rejects.toMatchObject({
      code: 'MessageTooLarge',
      fields: { field: 'messages[0]', value: 1_026 },
    })
    expect(await publish(engine, 'orders', [{ body: 'ü'.repeat(512) }])).toEqual([
      { ok: true, messageId: expect.any(String) },
    ])
  })

  test('to a queue that is not there', async () => {
    await expect(publish(testEngine(), 'nowhere', [{ body: '' }])).rejects.toMatchObject({ code: 'QueueNotFound' })
  })
})
