import { describe, expect, test } from 'vitest'
import type { Engine } from '../../../lib/engine.ts'
import { browse } from '../../../lib/messages/browse.ts'
import { cancelMessage } from '../../../lib/messages/cancel-message.ts'
import { getMessage } from '../../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../../lib/messages/reschedule-message.ts'
import { fairGroupHash, groupPartition } from '../../../lib/model/group.ts'
import type { NewMessage } from '../../../lib/model/message.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { unreceive } from '../../../lib/settle/unreceive.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { ticketsOf } from '../../support/fifo-engine.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, testEngine } from '../../support/test-engine.ts'

const publishMany = async (engine: Engine, message: NewMessage, count: number): Promise<void> => {
  for (let left = count; left > 0; left -= 25) {
    await publish(engine, 'orders', Array<NewMessage>(Math.min(25, left)).fill(message))
  }
}

const idOf = async (engine: Engine, message: NewMessage): Promise<string> => {
  const [result] = await publish(engine, 'orders', [message])
  if (!result?.ok) throw new Error('not published')
  return result.messageId
}

/** Polls by `size`, acking all, until every quiet tenant was served; answers how many polls that took. */
const pollsUntilQuietServed = async (engine: Engine, size: number): Promise<number> => {
  const served = new Set<string>()
  for (let polls = 1; polls <= 500; polls++) {
    const messages = await poll(engine, 'orders', { maxMessages: size })
    for (const { groupId = '' } of messages) if (groupId !== 'noisy') served.add(groupId)
    await ack(
      engine,
      'orders',
      messages.map(({ receiptHandle }) => receiptHandle),
    )
    if (served.size === 10) return polls
  }
  return Number.POSITIVE_INFINITY
}

/** All keys of group `a`. */
const whole = async (engine: Engine) => ({
  partition: groupPartition(await engine.queues.get('orders'), fairGroupHash('a')),
  from: '0',
  to: '~',
})

const quiet = Array.from({ length: 10 }, (_, tenant): NewMessage => ({ body: 'quiet', groupId: `tenant-${tenant}` }))

describe('message groups of a standard queue', () => {
  test('ten tenants with one message each wait about as long behind one with 100,000 as on an idle queue', async () => {
    const idle = await engineWithQueue()
    await publish(idle, 'orders', quiet)
    const alone = await pollsUntilQuietServed(idle, 1)

    const busy = await engineWithQueue()
    await publishMany(busy, { body: 'x', groupId: 'noisy' }, 100_000)
    await publish(busy, 'orders', quiet)
    const beside = await pollsUntilQuietServed(busy, 1)

    expect(alone).toBe(10)
    // Eleven tenants take turns, so each of the ten waits for a few turns of the eleventh.
    expect(beside).toBeLessThanOrEqual(3 * alone)
  })

  test('by ten, the quiet tenants are served by the first polls', async () => {
    const engine = await engineWithQueue()
    await publishMany(engine, { body: 'x', groupId: 'noisy' }, 5_000)
    await publish(engine, 'orders', quiet)
    expect(await pollsUntilQuietServed(engine, 10)).toBeLessThanOrEqual(3)
  })

  test('a group alone fills a whole poll, and everything of it is received once', async () => {
    const engine = await engineWithQueue()
    await publishMany(engine, { body: 'x', groupId: 'noisy' }, 40)
    const first = await poll(engine, 'orders', { maxMessages: 25 })
    const second = await poll(engine, 'orders', { maxMessages: 25 })
    expect([first.length, second.length]).toEqual([25, 15])
    expect(new Set([...first, ...second].map(({ messageId }) => messageId)).size).toBe(40)
  })

  test('messages without a group take turns with the groups', async () => {
    const engine = await engineWithQueue()
    await publishMany(engine, { body: 'x', groupId: 'noisy' }, 1_000)
    await publish(engine, 'orders', [{ body: 'plain' }])
    let polls = 1
    for (; polls < 100; polls++) {
      const [message] = await poll(engine, 'orders')
      if (message?.body === 'plain') break
    }
    expect(polls).toBeLessThanOrEqual(12)
  })

  test('a queue that never saw a group reads no tickets', async () => {
    const engine = await engineWithQueue()
    let reads = 0
    const tickets: Engine['store']['tickets'] = (range) => {
      reads++
      return engine.store.tickets(range)
    }
    const watched = { ...engine, store: { ...engine.store, tickets } }
    await publish(watched, 'orders', [{ body: 'plain' }])
    await poll(watched, 'orders')
    await poll(watched, 'orders')
    expect(reads).toBe(0)
  })

  test('another process sees the first group of a queue once its knowledge of the queue is renewed', async () => {
    const engine = await engineWithQueue()
    const other = anotherProcess(engine)
    expect(await poll(other, 'orders')).toEqual([])
    await publish(engine, 'orders', [{ body: 'x', groupId: 'a' }])
    await engine.clock.advance(5_000)
    expect(await poll(other, 'orders')).toMatchObject([{ body: 'x', groupId: 'a' }])
  })

  test('a nacked message comes back, through another process too, and so does one whose lease ended', async () => {
    const engine = await engineWithQueue()
    const other = anotherProcess(engine)
    await publish(engine, 'orders', [{ body: 'x', groupId: 'a' }])
    const [message] = await poll(engine, 'orders')
    expect(await poll(engine, 'orders')).toEqual([])
    await nack(other, 'orders', [{ receiptHandle: message?.receiptHandle ?? '' }])
    await engine.clock.advance(100)
    const [again] = await poll(engine, 'orders')
    expect(again?.receiveCount).toBe(2)
    await engine.clock.advance(30_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 'x', receiveCount: 3 }])
  })

  test('messages are found, browsed, counted, cancelled and rescheduled by id', async () => {
    const engine = await engineWithQueue()
    const first = await idOf(engine, { body: 'first', groupId: 'a' })
    const second = await idOf(engine, { body: 'second', groupId: 'b', delaySeconds: 3_600 })
    await publish(engine, 'orders', [{ body: 'plain' }])
    expect(await getMessage(engine, 'orders', first)).toMatchObject({ body: 'first', state: 'ready', groupId: 'a' })
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 2, delayed: 1, leased: 0, exact: true })
    const { messages } = await browse(engine, 'orders')
    expect(messages.map(({ body }) => body).sort()).toEqual(['first', 'plain', 'second'])

    await cancelMessage(engine, 'orders', first)
    await rescheduleMessage(engine, 'orders', second, { delaySeconds: 0 })
    const received = await poll(engine, 'orders', { maxMessages: 10 })
    expect(received.map(({ messageId, body }) => [messageId === second, body]).sort()).toEqual([
      [false, 'plain'],
      [true, 'second'],
    ])
  })

  test('a deduplication id works in a group', async () => {
    const engine = await engineWithQueue()
    const first = await idOf(engine, { body: 'x', groupId: 'a', deduplicationId: '1' })
    expect(await idOf(engine, { body: 'x', groupId: 'a', deduplicationId: '1' })).toBe(first)
    expect(await poll(engine, 'orders', { maxMessages: 10 })).toHaveLength(1)
  })

  test('a priority together with a group is refused', async () => {
    const engine = await engineWithQueue({ priorities: 2 })
    await expect(publish(engine, 'orders', [{ body: 'x', groupId: 'a', priority: 1 }])).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'messages[0].priority', value: 1 },
    })
  })
})

test('a poll that takes longer than its leases answers each message once, under the newest lease', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  let claims = 0
  const slow: Store = {
    ...store,
    claim: async (all) => {
      const outcomes = await store.claim(all)
      // Longer than a lease, each time; only so often that the poll ends.
      if (++claims < 4) await clock.advance(20_000)
      return outcomes
    },
  }
  const engine = await engineWithQueue({}, { clock, store: slow })
  await publishMany(engine, { body: 'x', groupId: 'a' }, 3)
  await publishMany(engine, { body: 'y', groupId: 'b' }, 1)
  const messages = await poll(engine, 'orders', { maxMessages: 6, visibilityTimeoutSeconds: 10 })
  expect(claims).toBeGreaterThan(2)
  expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(messages.length)
  const handles = messages.map(({ receiptHandle }) => receiptHandle)
  expect((await ack(engine, 'orders', handles)).filter(({ ok }) => !ok)).toEqual([])
})

describe('a limit of messages in flight a group', () => {
  const limited = async () => {
    const engine = await engineWithQueue()
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: 3 } })
    return engine
  }

  test('holds over all pollers, and what is acked or given back makes room at once', async () => {
    const engine = await limited()
    const other = anotherProcess(engine)
    await publishMany(engine, { body: 'x', groupId: 'a' }, 10)
    const held = await poll(engine, 'orders', { maxMessages: 10 })
    expect(held).toHaveLength(3)
    expect(await poll(other, 'orders', { maxMessages: 10 })).toEqual([])
    await ack(engine, 'orders', [held[0]?.receiptHandle ?? ''])
    expect(await poll(other, 'orders', { maxMessages: 10 })).toHaveLength(1)
    await nack(engine, 'orders', [{ receiptHandle: held[1]?.receiptHandle ?? '' }])
    expect(await poll(other, 'orders', { maxMessages: 10 })).toHaveLength(1)
    await extend(engine, 'orders', [{ receiptHandle: held[2]?.receiptHandle ?? '', visibilityTimeoutSeconds: 0 }])
    expect(await poll(other, 'orders', { maxMessages: 10 })).toHaveLength(1)
    expect(await poll(other, 'orders', { maxMessages: 10 })).toEqual([])
  })

  test('does not hold up other groups, and leases that end make room', async () => {
    const engine = await limited()
    await publishMany(engine, { body: 'x', groupId: 'a' }, 10)
    await publish(engine, 'orders', [{ body: 'y', groupId: 'b' }])
    const messages = [
      ...(await poll(engine, 'orders', { maxMessages: 10 })),
      ...(await poll(engine, 'orders', { maxMessages: 10 })),
    ]
    expect(messages.map(({ groupId }) => groupId).sort()).toEqual(['a', 'a', 'a', 'b'])
    await engine.clock.advance(30_000)
    const again = await poll(engine, 'orders', { maxMessages: 10 })
    expect(again.filter(({ groupId }) => groupId === 'a')).toHaveLength(3)
  })
})

describe('a group whose messages are all dropped', () => {
  test('has no ticket any more, although TTL has not deleted them yet', async () => {
    const engine = await engineWithQueue({}, { store: memoryStore({ clock: manualClock() }) })
    for (let n = 0; n < 30; n++) await publish(engine, 'orders', [{ body: 'purged', groupId: 'a', delaySeconds: n }])
    await publish(engine, 'orders', [{ body: 'expired', groupId: 'b', timeToLiveSeconds: 1 }])
    await engine.clock.advance(1)
    await purgeQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 'expired', groupId: 'b', timeToLiveSeconds: 1 }])
    await engine.clock.advance(60_000)
    expect(await poll(engine, 'orders')).toEqual([])
    expect(await ticketsOf(engine, 'orders')).toEqual([])
    await publish(engine, 'orders', [{ body: 'new', groupId: 'a' }])
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 'new' }])
  })

  test('keeps its ticket while a longer retention may bring them back', async () => {
    const engine = await engineWithQueue({}, { store: memoryStore({ clock: manualClock() }) })
    await publish(engine, 'orders', [{ body: 'back', groupId: 'a' }])
    await updateQueue(engine, 'orders', { settings: { retentionSeconds: 60 } })
    await engine.clock.advance(70_000)
    expect(await poll(engine, 'orders')).toEqual([])
    await updateQueue(engine, 'orders', { settings: { retentionSeconds: 3_600 } })
    await engine.clock.advance(5_000)
    expect(await poll(anotherProcess(engine), 'orders')).toMatchObject([{ body: 'back' }])
  })
})

describe('a message that becomes due behind one that is leased', () => {
  test.each([undefined, 2])('is received when it is due (limit in flight: %s)', async (maxInFlightPerGroup) => {
    const engine = await engineWithQueue(maxInFlightPerGroup === undefined ? {} : { maxInFlightPerGroup })
    await publish(engine, 'orders', [
      { body: 'now', groupId: 'a' },
      { body: 'later', groupId: 'a', delaySeconds: 60 },
    ])
    await poll(engine, 'orders', { visibilityTimeoutSeconds: 3_600 })
    // Finds the group busy, and says so.
    expect(await poll(engine, 'orders')).toEqual([])
    await engine.clock.advance(59_999)
    expect(await poll(anotherProcess(engine), 'orders')).toEqual([])
    await engine.clock.advance(1)
    expect(await poll(anotherProcess(engine), 'orders')).toMatchObject([{ body: 'later' }])
  })

  test('is received when it is due, although purged messages with delays are stored before it', async () => {
    const engine = await engineWithQueue()
    for (let n = 0; n < 4; n++) await publish(engine, 'orders', [{ body: 'purged', groupId: 'a', delaySeconds: 30 }])
    await purgeQueue(engine, 'orders')
    await engine.clock.advance(1)
    await publish(engine, 'orders', [
      { body: 'now', groupId: 'a' },
      { body: 'later', groupId: 'a', delaySeconds: 60 },
    ])
    await poll(engine, 'orders', { visibilityTimeoutSeconds: 3_600 })
    await engine.clock.advance(10_000)
    expect(await poll(engine, 'orders')).toEqual([])
    await engine.clock.advance(50_000)
    expect(await poll(anotherProcess(engine), 'orders')).toMatchObject([{ body: 'later' }])
  })

  test('is received at once by the process that published to it, although a scan read a replica without it', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'first', groupId: 'a' }])
    await poll(engine, 'orders', { visibilityTimeoutSeconds: 3_600 })
    const behind = await engine.store.headers({ ...(await whole(engine)), limit: 10 })
    await engine.clock.advance(100)
    await publish(engine, 'orders', [{ body: 'second', groupId: 'a' }])
    const { headers } = engine.store
    const stale: Engine['store'] = {
      ...engine.store,
      headers: async (range) => (range.consistent || range.partition.group === undefined ? headers(range) : behind),
    }
    expect(await poll(testEngine({ clock: engine.clock, store: stale, seed: 3 }), 'orders')).toEqual([])
    expect(await poll(anotherProcess(engine), 'orders')).toMatchObject([{ body: 'second' }])
  })
})

test('a poll without leases receives no message twice', async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [
    { body: '1', groupId: 'a' },
    { body: '2', groupId: 'b' },
  ])
  const receives = new Map<string, number>()
  for (const maxMessages of [1, 2, 3, 4, 25]) {
    const received = await poll(engine, 'orders', { maxMessages, visibilityTimeoutSeconds: 0 })
    expect(received.length).toBeGreaterThan(0)
    for (const { messageId, receiveCount } of received) {
      // One more than after the poll before: a poll that receives a message twice returns it once.
      expect(receiveCount).toBe((receives.get(messageId) ?? 0) + 1)
      receives.set(messageId, receiveCount)
    }
  }
})

describe('undoing a receive', () => {
  test('makes messages receivable at once and does not count', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'x' }])
    const [first] = await poll(engine, 'orders')
    expect(await unreceive(engine, 'orders', [first?.receiptHandle ?? ''])).toEqual([{ ok: true }])
    const [second] = await poll(engine, 'orders')
    expect(second?.receiveCount).toBe(1)
    await engine.clock.advance(30_000)
    const [third] = await poll(engine, 'orders')
    expect(third?.receiveCount).toBe(2)
    await unreceive(engine, 'orders', [third?.receiptHandle ?? ''])
    const [fourth] = await poll(engine, 'orders')
    expect(fourth?.receiveCount).toBe(2)
  })

  test('of a message that somebody else has received since is refused', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'x' }])
    const [first] = await poll(engine, 'orders')
    await engine.clock.advance(30_000)
    await poll(engine, 'orders')
    expect(await unreceive(engine, 'orders', [first?.receiptHandle ?? ''])).toMatchObject([
      { ok: false, error: { code: 'LeaseLost' } },
    ])
  })
})
