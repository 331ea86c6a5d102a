import { describe, expect, test } from 'vitest'
import { createEngine } from '../../../lib/engine.ts'
import { browse } from '../../../lib/messages/browse.ts'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import type { PublishResult } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import type { Store } from '../../../lib/store/port.ts'
import { START } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const DAY = 86_400_000
const idOf = (result: PublishResult | undefined): string => (result?.ok ? result.messageId : '')
const publishOne = async (engine: TestEngine, message: Parameters<typeof publish>[2][number]) =>
  idOf((await publish(engine, 'orders', [message]))[0])

describe('a message got by its id', () => {
  test('is shown as it is now, all through its life', async () => {
    const engine = await engineWithQueue()
    const messageId = await publishOne(engine, { body: { n: 1 }, delaySeconds: 10 })
    const shown = {
      messageId,
      body: { n: 1 },
      attributes: {},
      publishedAt: START,
      dueAt: START + 10_000,
      priority: 0,
      queue: 'orders',
      expiresAt: START + 10_000 + 4 * DAY,
    }
    expect(await getMessage(engine, 'orders', messageId)).toEqual({
      ...shown,
      state: 'delayed',
      receiveCount: 0,
      visibleAt: START + 10_000,
    })
    await engine.clock.advance(10_000)
    expect(await getMessage(engine, 'orders', messageId)).toMatchObject({ state: 'ready' })
    await engine.clock.advance(500)
    const [message] = await poll(engine, 'orders')
    expect(await getMessage(engine, 'orders', messageId)).toEqual({
      ...shown,
      state: 'leased',
      receiveCount: 1,
      firstReceivedAt: START + 10_500,
      visibleAt: START + 40_500,
    })
    await ack(engine, 'orders', [message?.receiptHandle as string])
    await expect(getMessage(engine, 'orders', messageId)).rejects.toMatchObject({ code: 'MessageNotFound' })
  })

  test('is found beside its neighbours', async () => {
    const engine = await engineWithQueue()
    const results = await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }])
    expect(await getMessage(engine, 'orders', idOf(results[1]))).toMatchObject({ body: 'b' })
  })

  test.each(['', 'nonsense', '019ca945-0a00-8185-8401-23456789abcd'])('is not found under %j', async (messageId) => {
    const engine = await engineWithQueue()
    await expect(getMessage(engine, 'orders', messageId)).rejects.toMatchObject({
      code: 'MessageNotFound',
      fields: { field: 'messageId', value: messageId },
    })
  })
})

describe('cancelling', () => {
  test('takes a message back before anyone works on it', async () => {
    const engine = await engineWithQueue()
    const messageId = await publishOne(engine, { body: 'a', delaySeconds: 10 })
    await cancelMessage(engine, 'orders', messageId)
    await expect(cancelMessage(engine, 'orders', messageId)).rejects.toMatchObject({ code: 'MessageNotFound' })
    await engine.clock.advance(10_000)
    expect(await poll(engine, 'orders')).toEqual([])
  })

  test('is left to its consumer by a clock that may be ahead of the end of its lease', async () => {
    const engine = await engineWithQueue()
    const [published] = await publish(engine, 'orders', [{ body: 1 }])
    const messageId = published?.ok ? published.messageId : ''
    await poll(engine, 'orders')
    const doubtful = createEngine({ store: engine.store, clock: { ...engine.clock, doubtMs: () => 1_000 } })
    await engine.clock.advance(30_999)
    for (const work of [
      () => cancelMessage(doubtful, 'orders', messageId),
      () => rescheduleMessage(doubtful, 'orders', messageId, { delaySeconds: 60 }),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'OperationInProgress' })
    }
    await engine.clock.advance(1)
    await cancelMessage(doubtful, 'orders', messageId)
  })

  test('a leased message is refused until its lease is over', async () => {
    const engine = await engineWithQueue()
    const messageId = await publishOne(engine, { body: 'a' })
    await poll(engine, 'orders', { visibilityTimeoutSeconds: 5 })
    await expect(cancelMessage(engine, 'orders', messageId)).rejects.toMatchObject({ code: 'OperationInProgress' })
    await engine.clock.advance(5_000)
    await cancelMessage(engine, 'orders', messageId)
    expect(await poll(engine, 'orders')).toEqual([])
  })
})

describe('rescheduling', () => {
  test.each([
    ['later', 3_600],
    ['sooner', 10],
    ['to now', 0],
  ])('%s moves the due time, and the message keeps its id', async (_, delaySeconds) => {
    const engine = await engineWithQueue()
    const [, second] = await publish(engine, 'orders', [
      { body: 'a', delaySeconds: 600 },
      { body: 'b', delaySeconds: 600 },
    ])
    const messageId = idOf(second)
    const dueAt = START + delaySeconds * 1_000
    expect(await rescheduleMessage(engine, 'orders', messageId, { delaySeconds })).toMatchObject({
      messageId,
      body: 'b',
      dueAt,
      publishedAt: START,
      visibleAt: dueAt,
      expiresAt: dueAt + 4 * DAY,
    })
    expect(await getMessage(engine, 'orders', messageId)).toMatchObject({ messageId, dueAt })
    await engine.clock.advance(delaySeconds * 1_000)
    const received = await poll(engine, 'orders', { maxMessages: 9 })
    expect(received.find(({ body }) => body === 'b')).toMatchObject({
      messageId,
      receiveCount: 1,
      firstReceivedAt: dueAt,
    })
    expect(received).toHaveLength(delaySeconds < 600 ? 1 : 2)
  })

  test('beyond the retention of its old due time loses nothing', async () => {
    const engine = await engineWithQueue({ retentionSeconds: 60 })
    const messageId = await publishOne(engine, { body: 'a', timeToLiveSeconds: 30 })
    await rescheduleMessage(engine, 'orders', messageId, { dueAt: START + 10 * DAY })
    await engine.clock.advance(10 * DAY)
    expect(await poll(engine, 'orders')).toMatchObject([{ messageId, body: 'a' }])
  })

  test('again and again follows the message wherever it went', async () => {
    const engine = await engineWithQueue()
    const messageId = await publishOne(engine, { body: 'a', delaySeconds: 600 })
    for (const delaySeconds of [10, 900, 300]) {
      await rescheduleMessage(engine, 'orders', messageId, { delaySeconds })
      expect(await getMessage(engine, 'orders', messageId)).toMatchObject({ dueAt: START + delaySeconds * 1_000 })
    }
    await cancelMessage(engine, 'orders', messageId)
    await engine.clock.advance(900_000)
    expect(await poll(engine, 'orders')).toEqual([])
  })

  test('a message received before puts it off where it is, its receives counted and old handles outdated', async () => {
    const engine = await engineWithQueue({ retentionSeconds: 60 })
    const messageId = await publishOne(engine, { body: 'a' })
    const [message] = await poll(engine, 'orders', { visibilityTimeoutSeconds: 5 })
    const handle = message?.receiptHandle as string
    await expect(rescheduleMessage(engine, 'orders', messageId, { delaySeconds: 1 })).rejects.toMatchObject({
      code: 'OperationInProgress',
    })
    await engine.clock.advance(5_000)
    await rescheduleMessage(engine, 'orders', messageId, { delaySeconds: 20 })
    expect(await ack(engine, 'orders', [handle])).toMatchObject([{ ok: false, error: { code: 'LeaseLost' } }])
    expect(await poll(engine, 'orders')).toEqual([])
    await expect(rescheduleMessage(engine, 'orders', messageId, { delaySeconds: 55 })).rejects.toMatchObject({
      code: 'InvalidRequest',
    })
    await engine.clock.advance(20_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 2, firstReceivedAt: START }])
  })

  test('needs one due time, within range', async () => {
    const engine = await engineWithQueue()
    const messageId = await publishOne(engine, { body: 'a' })
    for (const wish of [{}, { delaySeconds: 1, dueAt: 1 }, { delaySeconds: -1 }, { dueAt: Number.NaN }]) {
      await expect(async () => rescheduleMessage(engine, 'orders', messageId, wish)).rejects.toMatchObject({
        code: 'InvalidRequest',
      })
    }
  })
})

test('a message that is put off by a process that does not know of a purge yet stays purged', async () => {
  const engine = await engineWithQueue()
  const [published] = await publish(engine, 'orders', [{ body: 'x' }])
  const other = anotherProcess(engine)
  await other.queues.get('orders')
  await engine.clock.advance(1_000)
  await purgeQueue(engine, 'orders')
  await engine.clock.advance(1_000)
  const { messageId } = published as Extract<PublishResult, { ok: true }>
  await rescheduleMessage(other, 'orders', messageId, { delaySeconds: 1 })
  await engine.clock.advance(10_000)
  expect(await poll(other, 'orders')).toEqual([])
})

describe('browsing', () => {
  test('shows every message once, page by page, without receiving it', async () => {
    const engine = await engineWithQueue({ shards: 3, priorities: 2 })
    for (let n = 0; n < 12; n++) await publish(engine, 'orders', [{ body: n, priority: n % 2 }, { body: n + 100 }])
    const seen: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await browse(engine, 'orders', { limit: 5, ...(cursor !== undefined && { cursor }) })
      expect(page.messages.length).toBeLessThan(8)
      seen.push(...page.messages.map(({ body }) => body))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(seen.sort()).toEqual(
      Array.from({ length: 12 }, (_, n) => [n, n + 100])
        .flat()
        .sort(),
    )
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 1 }])
  })

  test.each([1, 4, 30])('shows every message of a state once, where few are in it, %i a page', async (limit) => {
    const engine = await engineWithQueue({ shards: 2 })
    for (let n = 0; n < 80; n++) {
      await publish(engine, 'orders', [{ body: n, delaySeconds: n % 13 === 0 ? 60 : 0 }, { body: n + 100 }])
    }
    const seen: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await browse(engine, 'orders', {
        limit,
        states: ['delayed'],
        ...(cursor !== undefined && { cursor }),
      })
      expect(page.messages.length).toBeLessThanOrEqual(limit)
      seen.push(...page.messages.map(({ body }) => body))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(seen.sort()).toEqual([0, 13, 26, 39, 52, 65, 78].sort())
  })

  test('reads more at one time while nothing matches', async () => {
    const engine = await engineWithQueue()
    const messages = Array.from({ length: 25 }, (_, body) => ({ body }))
    for (let n = 0; n < 300; n++) await publish(engine, 'orders', messages)
    let reads = 0
    const headers: Store['headers'] = (range) => {
      reads++
      return engine.store.headers(range)
    }
    const other = testEngine({ clock: engine.clock, store: { ...engine.store, headers }, seed: 2 })
    expect(await browse(other, 'orders', { states: ['deadLettered'] })).toEqual({ messages: [] })
    expect(reads).toBeLessThan(20)
  })

  test('shows nothing that was purged', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'a' }])
    await purgeQueue(engine, 'orders')
    expect(await browse(engine, 'orders')).toEqual({ messages: [] })
  })

  test.each(['', '!!', Buffer.from('9999 0').toString('base64url'), Buffer.from('0 zz').toString('base64url')])(
    'from the made-up cursor %j is refused',
    async (cursor) => {
      const engine = await engineWithQueue()
      await expect(browse(engine, 'orders', { cursor })).rejects.toMatchObject({ code: 'InvalidRequest' })
    },
  )
})

test('a dead-lettered message is found under its id in both queues', async () => {
  const engine = await engineWithQueue()
  await createQueue(engine, 'dead')
  await createQueue(engine, 'jobs', { settings: { deadLetter: { queue: 'dead', maxReceives: 1 } } })
  const messageId = idOf((await publish(engine, 'jobs', [{ body: 'a' }]))[0])
  await poll(engine, 'jobs', { visibilityTimeoutSeconds: 0 })
  expect(await poll(engine, 'jobs')).toEqual([])
  for (const queue of ['jobs', 'dead']) {
    expect(await getMessage(engine, queue, messageId)).toMatchObject({
      messageId,
      queue: 'dead',
      state: 'dead-lettered',
      deadLetter: { queue: 'jobs', reason: 'MaxReceivesExceeded', at: START },
    })
  }
})
