import { describe, expect, test } from 'vitest'
import type { Message } from '../../../lib/model/message.ts'
import { partitionOf } from '../../../lib/model/queue-record.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { type PollOptions, poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { manualClock, START, settled } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, testEngine } from '../../support/test-engine.ts'

const bodiesOf = (messages: readonly Message[]): unknown[] => messages.map(({ body }) => body)

/** A poll under way, with what it came to once it did. */
const started = (polling: Promise<Message[]>) => {
  const state: { messages?: Message[]; error?: unknown } = {}
  polling.then(
    (messages) => {
      state.messages = messages
    },
    (error: unknown) => {
      state.error = error
    },
  )
  return state
}

test('a message is one consumer’s until its lease ends', async () => {
  const engine = await engineWithQueue()
  const other = anotherProcess(engine)
  await publish(engine, 'orders', [{ body: 'a' }])
  const [first] = await poll(engine, 'orders', { visibilityTimeoutSeconds: 10 })
  expect(first).toMatchObject({ receiveCount: 1, leasedUntil: START + 10_000 })
  await engine.clock.advance(9_999)
  expect(await poll(other, 'orders')).toEqual([])
  expect(await poll(engine, 'orders')).toEqual([])
  await engine.clock.advance(1)
  const [again] = await poll(other, 'orders')
  expect(again).toMatchObject({ receiveCount: 2, firstReceivedAt: START, messageId: first?.messageId })
})

test('a poll takes up to what it asks for, and no more', async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: 1 }, { body: 2 }, { body: 3 }])
  await publish(engine, 'orders', [{ body: 4 }, { body: 5 }])
  expect(bodiesOf(await poll(engine, 'orders', { maxMessages: 2 }))).toEqual([1, 2])
  expect(bodiesOf(await poll(engine, 'orders', { maxMessages: 2 }))).toEqual([3, 4])
  expect(bodiesOf(await poll(engine, 'orders', { maxMessages: 25 }))).toEqual([5])
  expect(await poll(engine, 'orders')).toEqual([])
})

test('all shards and priorities are looked into', async () => {
  const engine = await engineWithQueue({ shards: 7, priorities: 10 })
  const batch = Array.from({ length: 20 }, (_, n) => ({ body: n, priority: n % 10 }))
  for (const message of batch) await publish(engine, 'orders', [message])
  const received = await poll(engine, 'orders', { maxMessages: 25 })
  expect(received.map(({ priority }) => priority)).toEqual([9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0])
})

describe('where DynamoDB throttles the partition of a shard', () => {
  const engineWithHotShards = async (hot: readonly number[], seed = 5) => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const engine = await engineWithQueue({ shards: 4 }, { clock, store })
    for (let n = 0; n < 40; n++) await publish(engine, 'orders', [{ body: n }])
    const throttling = faultyStore(store, {
      fateOf: (call) => (call.operation === 'headers' && hot.includes(call.input.partition.shard) ? 'refused' : 'done'),
    })
    const queue = await engine.queues.get('orders')
    const waitingIn = async (shard: number) => {
      const partition = partitionOf(queue, shard)
      return (await store.headers({ partition, from: '0', to: '~', limit: 100 })).segments.length
    }
    return { engine: testEngine({ clock, store: throttling, seed }), waitingIn }
  }

  // Each seed begins with another shard.
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a poll receives from the other shards (seed %i)', async (seed) => {
    const { engine, waitingIn } = await engineWithHotShards([0, 1, 2], seed)
    const waiting = await waitingIn(3)
    expect(waiting).toBeGreaterThan(3)
    expect(await poll(engine, 'orders', { maxMessages: 25 })).toHaveLength(waiting)
  })

  test('a poll that finds nothing elsewhere fails, since it does not know whether there is something', async () => {
    const { engine } = await engineWithHotShards([0, 1, 2, 3])
    await expect(poll(engine, 'orders')).rejects.toMatchObject({ code: 'Throttled' })
  })
})

test('a queue deeper than a page is read through', async () => {
  const engine = await engineWithQueue()
  for (let n = 0; n < 40; n++)
    await publish(
      engine,
      'orders',
      Array.from({ length: 25 }, () => ({ body: n })),
    )
  const other = anotherProcess(engine)
  for (let n = 0; n < 40; n++)
    expect(bodiesOf(await poll(other, 'orders', { maxMessages: 25 }))).toEqual(Array(25).fill(n))
  expect(await poll(other, 'orders')).toEqual([])
})

test('a claim that got through though its answer was lost is delivered', async () => {
  const engine = await engineWithQueue()
  const faulty = testEngine({
    clock: engine.clock,
    store: faultyStore(engine.store, scripted(['claim', 'repeated'])),
    seed: 3,
  })
  await publish(engine, 'orders', [{ body: 'a' }, { body: 'b' }])
  expect(await poll(faulty, 'orders', { maxMessages: 2 })).toMatchObject([
    { body: 'a', receiveCount: 1 },
    { body: 'b', receiveCount: 1 },
  ])
})

test('a claim whose answer was lost is delivered as it was made, even if another poller claims the message before its content is read', async () => {
  const engine = await engineWithQueue()
  const other = anotherProcess(engine)
  const claims = faultyStore(engine.store, scripted(['claim', 'repeated']))
  const slow: Store = {
    ...claims,
    read: async (keys) => {
      await engine.clock.advance(10_000)
      await poll(other, 'orders', { visibilityTimeoutSeconds: 30 })
      return claims.read(keys)
    },
  }
  await publish(engine, 'orders', [{ body: 'a' }])
  const late = testEngine({ clock: engine.clock, store: slow, seed: 3 })
  const [message] = await poll(late, 'orders', { visibilityTimeoutSeconds: 10 })
  expect(message).toMatchObject({ body: 'a', receiveCount: 1, firstReceivedAt: START, leasedUntil: START + 10_000 })
  expect(await ack(late, 'orders', [message?.receiptHandle ?? ''])).toMatchObject([{ error: { code: 'LeaseLost' } }])
})

test("a poll whose claim fails throws the store's error", async () => {
  const engine = await engineWithQueue()
  const faulty = testEngine({
    clock: engine.clock,
    store: faultyStore(engine.store, scripted(['claim', 'refused'])),
    seed: 3,
  })
  await publish(engine, 'orders', [{ body: 'a' }])
  await expect(poll(faulty, 'orders')).rejects.toMatchObject({ code: 'Throttled' })
  expect(await poll(faulty, 'orders')).toMatchObject([{ body: 'a', receiveCount: 1 }])
})

test.each([
  ['maxMessages', { maxMessages: 0 }],
  ['maxMessages', { maxMessages: 26 }],
  ['maxMessages', { maxMessages: 1.5 }],
  ['visibilityTimeoutSeconds', { visibilityTimeoutSeconds: -1 }],
  ['visibilityTimeoutSeconds', { visibilityTimeoutSeconds: 604_801 }],
  ['waitTimeSeconds', { waitTimeSeconds: 21 }],
])('%s out of range is refused', async (field, options) => {
  const engine = await engineWithQueue()
  await expect(poll(engine, 'orders', options)).rejects.toMatchObject({ code: 'InvalidRequest', fields: { field } })
})

describe('a header whose content is missing', () => {
  const without = (store: Store): Store => ({
    ...store,
    claim: async (claims) =>
      (await store.claim(claims)).map((outcome) => (outcome.applied ? { ...outcome, content: undefined } : outcome)),
  })

  test('is given back as it was while its content may still come', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'late' }])
    expect(await poll(testEngine({ clock: engine.clock, store: without(engine.store), seed: 3 }), 'orders')).toEqual([])
    expect(await poll(engine, 'orders')).toMatchObject([{ body: 'late', receiveCount: 1 }])
  })

  test('is dropped after a minute', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'never' }])
    await engine.clock.advance(60_001)
    const poller = testEngine({ clock: engine.clock, store: without(engine.store), seed: 3 })
    expect(await poll(poller, 'orders')).toEqual([])
    expect(poller.events).toContainEqual({ type: 'orphan-dropped', queue: 'orders' })
    expect(await poll(engine, 'orders')).toEqual([])
  })
})

describe('a long poll', () => {
  test('ends empty when its time is over, and not before', async () => {
    const engine = await engineWithQueue({ receiveWaitTimeSeconds: 3 })
    const state = started(poll(engine, 'orders'))
    await engine.clock.advance(2_999)
    expect(state).toEqual({})
    await engine.clock.advance(1)
    expect(state).toEqual({ messages: [] })
    expect(engine.clock.sleeping()).toBe(0)
  })

  test('ends at once when a message is published by its own process', async () => {
    const engine = await engineWithQueue()
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20 }))
    await engine.clock.advance(10_000)
    await publish(engine, 'orders', [{ body: 'a' }])
    await settled()
    expect(bodiesOf(state.messages ?? [])).toEqual(['a'])
  })

  test('finds within about a second what another process published', async () => {
    const engine = await engineWithQueue()
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20 }))
    await engine.clock.advance(10_000)
    await publish(anotherProcess(engine), 'orders', [{ body: 'a' }])
    await engine.clock.advance(1_300)
    expect(bodiesOf(state.messages ?? [])).toEqual(['a'])
  })

  test('wakes when a delay ends', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'a', delaySeconds: 7 }])
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20 }))
    await engine.clock.advance(6_999)
    expect(state).toEqual({})
    await engine.clock.advance(1)
    expect(state.messages).toMatchObject([{ body: 'a', dueAt: START + 7_000 }])
  })

  test('wakes when a lease ends', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'a' }])
    await poll(engine, 'orders', { visibilityTimeoutSeconds: 5 })
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20 }))
    await engine.clock.advance(4_999)
    expect(state).toEqual({})
    await engine.clock.advance(1)
    expect(state.messages).toMatchObject([{ receiveCount: 2 }])
  })

  test('wakes when a message is given back', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'a' }])
    const [held] = await poll(engine, 'orders')
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20 }))
    await engine.clock.advance(1_000)
    await nack(engine, 'orders', [{ receiptHandle: held?.receiptHandle as string }])
    await settled()
    expect(state.messages).toMatchObject([{ receiveCount: 2 }])
  })

  test('fails when its queue is deleted', async () => {
    const engine = await engineWithQueue()
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20 }))
    await engine.clock.advance(1_000)
    await deleteQueue(engine, 'orders')
    await settled()
    expect(state.error).toMatchObject({ code: 'QueueNotFound' })
  })

  test('ends, and takes nothing, when its caller goes', async () => {
    const engine = await engineWithQueue()
    const caller = new AbortController()
    const state = started(poll(engine, 'orders', { waitTimeSeconds: 20, signal: caller.signal }))
    await engine.clock.advance(1_000)
    caller.abort()
    await settled()
    expect(state).toEqual({ messages: [] })
    expect(engine.clock.sleeping()).toBe(0)
    await publish(engine, 'orders', [{ body: 'a' }])
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 1 }])
  })

  test('whose caller was gone before it began takes nothing', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'a' }])
    expect(await poll(engine, 'orders', { waitTimeSeconds: 20, signal: AbortSignal.abort() })).toEqual([])
    expect(await poll(engine, 'orders')).toMatchObject([{ receiveCount: 1 }])
  })

  test('whose caller goes while a claim is on its way gives everything back, uncounted', async () => {
    const caller = new AbortController()
    const clock = manualClock()
    const store = memoryStore({ clock })
    const engine = await engineWithQueue({ shards: 2 }, { clock, store })
    for (let n = 0; n < 8; n++) await publish(engine, 'orders', [{ body: n }])
    const leaving = faultyStore(store, {
      fateOf: () => 'done',
      answering: async ({ operation }) => {
        if (operation === 'claim') caller.abort()
      },
    })
    const gone = testEngine({ clock, store: leaving, seed: 3 })
    expect(await poll(gone, 'orders', { maxMessages: 25, waitTimeSeconds: 20, signal: caller.signal })).toEqual([])
    const received = await poll(anotherProcess(engine), 'orders', { maxMessages: 25 })
    expect(received.map(({ receiveCount }) => receiveCount)).toEqual(Array(8).fill(1))
  })

  test('whose caller goes between two shards gives back what the first one held', async () => {
    const caller = new AbortController()
    const clock = manualClock()
    const store = memoryStore({ clock })
    const engine = await engineWithQueue({ shards: 2 }, { clock, store })
    for (let n = 0; n < 8; n++) await publish(engine, 'orders', [{ body: n }])
    let claimed = false
    const leaving = faultyStore(store, {
      fateOf: ({ operation }) => {
        if (operation === 'headers' && claimed) caller.abort()
        claimed ||= operation === 'claim'
        return 'done'
      },
    })
    const gone = testEngine({ clock, store: leaving, seed: 3 })
    expect(await poll(gone, 'orders', { maxMessages: 25, waitTimeSeconds: 20, signal: caller.signal })).toEqual([])
    expect(await poll(anotherProcess(engine), 'orders', { maxMessages: 25 })).toHaveLength(8)
  })
})

describe('one poll never receives a message twice', () => {
  // Found by the model: ranges of what is looked at share a key, and its segment was looked at with each.
  test.each([0, 1_000])(
    'whatever was remembered of the queue, with leases of %i s',
    async (visibilityTimeoutSeconds) => {
      const engine = await engineWithQueue({ priorities: 2 })
      await publish(engine, 'orders', [{ body: 'a', timeToLiveSeconds: 100 }, { body: 'b' }])
      const receives = new Map<string, number>()
      // A poll that receives a message twice returns it once, with one receive more.
      const receive = async (options: PollOptions): Promise<void> => {
        for (const { messageId, receiveCount } of await poll(engine, 'orders', options)) {
          expect(receiveCount).toBe((receives.get(messageId) ?? 0) + 1)
          receives.set(messageId, receiveCount)
        }
      }
      await receive({ maxMessages: 2 })
      await engine.clock.advance(31_000)
      await receive({ maxMessages: 1, visibilityTimeoutSeconds: 0 })
      for (const ms of [0, 1, 20_000]) {
        await engine.clock.advance(ms)
        await receive({ maxMessages: 9, visibilityTimeoutSeconds })
      }
    },
  )
})

test('a poll whose caller has gone gives back all that it claimed in one request', async () => {
  const engine = await engineWithQueue()
  for (let n = 0; n < 10; n++) await publish(engine, 'orders', [{ body: n }])
  const caller = new AbortController()
  const changes: number[] = []
  const claim: Store['claim'] = (claims) => {
    caller.abort()
    return engine.store.claim(claims)
  }
  const change: Store['change'] = (some) => {
    changes.push(some.length)
    return engine.store.change(some)
  }
  const leaving = testEngine({ clock: engine.clock, store: { ...engine.store, claim, change } })
  expect(await poll(leaving, 'orders', { maxMessages: 10, signal: caller.signal })).toEqual([])
  expect(changes).toEqual([10])
  expect(await poll(engine, 'orders', { maxMessages: 10 })).toHaveLength(10)
})
