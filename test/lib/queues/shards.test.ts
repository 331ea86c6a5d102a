import { describe, expect, test } from 'vitest'
import { HoldfastError, type ThrottleReason } from '../../../lib/model/errors.ts'
import { type PublishCallOptions, publish } from '../../../lib/publish/publish.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { afterPublish, markGrouped, raiseShards } from '../../../lib/queues/shards.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import type { Store } from '../../../lib/store/port.ts'
import { storeCommits } from '../../../lib/transactions/store-commits.ts'
import { engineTransaction } from '../../../lib/transactions/transaction.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const refused = async (reason: ThrottleReason = 'key-range') => {
  throw new HoldfastError('Throttled', 'refused by the test', { reason })
}
/** A store whose partitions of these shards are throttled. */
const throttling = (
  store: Store,
  shards: readonly number[],
  more: Partial<Store> = {},
  reason?: ThrottleReason,
): Store => ({
  ...store,
  ...more,
  insert: (segment) => (shards.includes(segment.segment.key.partition.shard) ? refused(reason) : store.insert(segment)),
})
const shardsOf = async (engine: TestEngine) => (await getQueue(engine, 'orders')).settings.shards
const ok = [{ ok: true, messageId: expect.any(String) }]

test('publishing spreads over the shards, and polling finds all of it', async () => {
  const engine = await engineWithQueue({ shards: 4 })
  for (let n = 0; n < 40; n++) await publish(engine, 'orders', [{ body: n }])
  const { generation } = await engine.queues.get('orders')
  for (const shard of [0, 1, 2, 3]) {
    const partition = { queue: 'orders', generation, shard }
    expect((await engine.store.headers({ partition, from: '0', to: '~', limit: 40 })).segments.length).toBeGreaterThan(
      2,
    )
  }
  expect(await poll(engine, 'orders', { maxMessages: 25 })).toHaveLength(25)
  expect(await poll(engine, 'orders', { maxMessages: 25 })).toHaveLength(15)
})

test('publishing survives a throttled shard by using another', async () => {
  const engine = await engineWithQueue({ shards: 2 })
  const throttled = testEngine({ clock: engine.clock, store: throttling(engine.store, [0]), seed: 3 })
  for (let n = 0; n < 10; n++) expect(await publish(throttled, 'orders', [{ body: n }])).toEqual(ok)
  expect(throttled.events).toContainEqual({ type: 'throttled', queue: 'orders', shard: 0, reason: 'key-range' })
})

test('publishing avoids a shard that was throttled a moment ago, and comes back to it', async () => {
  const engine = await engineWithQueue({ shards: 8 })
  const throttled = testEngine({ clock: engine.clock, store: throttling(engine.store, [0], {}, 'unknown'), seed: 3 })
  const publishMany = async () => {
    for (let n = 0; n < 100; n++) expect(await publish(throttled, 'orders', [{ body: n }])).toEqual(ok)
    return throttled.events.length
  }
  expect(await publishMany()).toBe(1)
  await engine.clock.advance(375)
  expect(await publishMany()).toBe(2)
})

test('throttling doubles the shards, and publishing goes on in a new one at once', async () => {
  const engine = await engineWithQueue()
  await engine.clock.advance(10_000)
  const throttled = testEngine({ clock: engine.clock, store: throttling(engine.store, [0]), seed: 3 })
  expect(await publish(throttled, 'orders', [{ body: 'a' }])).toEqual(ok)
  expect(throttled.events).toEqual([
    { type: 'throttled', queue: 'orders', shard: 0, reason: 'key-range' },
    { type: 'shards-raised', queue: 'orders', shards: 2 },
  ])
  expect(await shardsOf(throttled)).toBe(2)
  await engine.clock.advance(5_000)
  expect(await poll(engine, 'orders')).toMatchObject([{ body: 'a' }])
})

test.each(['configured-maximum', 'provisioned-capacity', 'account-limit', 'contention', 'unknown'] as const)(
  'shards are not doubled where they are no cure: %s',
  async (reason) => {
    const engine = await engineWithQueue()
    await engine.clock.advance(10_000)
    const store = throttling(engine.store, [0], {}, reason)
    const throttled = testEngine({ clock: engine.clock, store, seed: 3 })
    expect(await publish(throttled, 'orders', [{ body: 'a' }])).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'Throttled', fields: { reason } }) },
    ])
    expect(throttled.events).toEqual(
      reason === 'contention' ? [] : [{ type: 'throttled', queue: 'orders', shard: 0, reason }],
    )
    expect(await shardsOf(throttled)).toBe(1)
  },
)

test('another shard is tried only where the table as a whole is not at its limit', async () => {
  const engine = await engineWithQueue({ shards: 8 })
  const triedWhere = async (reason: ThrottleReason) => {
    const throttled = testEngine({
      clock: engine.clock,
      store: throttling(engine.store, [0, 1, 2, 3, 4, 5, 6, 7], {}, reason),
      seed: 3,
    })
    await publish(throttled, 'orders', [{ body: 'a' }])
    return throttled.events.length
  }
  expect([await triedWhere('key-range'), await triedWhere('unknown'), await triedWhere('account-limit')]).toEqual([
    3, 3, 1,
  ])
})

test('a publish to a message group that its own partition refuses does not double the shards', async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: 'a', groupId: 'tenant' }])
  await engine.clock.advance(10_000)
  const store = throttling(engine.store, [0, 1, 2, 3, 4, 5, 6, 7])
  const throttled = testEngine({ clock: engine.clock, store, seed: 3 })
  expect(await publish(throttled, 'orders', [{ body: 'b', groupId: 'tenant' }])).toEqual([
    { ok: false, error: expect.objectContaining({ code: 'Throttled' }) },
  ])
  expect(throttled.events).toEqual([{ type: 'throttled', queue: 'orders', shard: 0, reason: 'key-range' }])
  expect(await shardsOf(throttled)).toBe(1)
})

test('the shards are not doubled again before pollers could follow', async () => {
  const engine = await engineWithQueue()
  await engine.clock.advance(10_000)
  const throttled = testEngine({ clock: engine.clock, store: throttling(engine.store, [0, 1, 2, 3]), seed: 3 })
  await publish(throttled, 'orders', [{ body: 'a' }])
  await engine.clock.advance(9_999)
  expect(await publish(throttled, 'orders', [{ body: 'a' }])).toEqual([
    { ok: false, error: expect.objectContaining({ code: 'Throttled' }) },
  ])
  expect(await shardsOf(throttled)).toBe(2)
  await engine.clock.advance(1)
  await publish(throttled, 'orders', [{ body: 'a' }])
  expect(await shardsOf(throttled)).toBe(4)
})

test('publishing survives that raising the shards is throttled too', async () => {
  const engine = await engineWithQueue({ shards: 2 })
  await engine.clock.advance(10_000)
  const store = throttling(engine.store, [0], { transact: () => refused() })
  const throttled = testEngine({ clock: engine.clock, store, seed: 3 })
  for (let n = 0; n < 10; n++) expect(await publish(throttled, 'orders', [{ body: n }])).toEqual(ok)
})

test('lowering the shards loses nothing, and the surplus is retired once it is empty', async () => {
  const engine = await engineWithQueue({ shards: 3 })
  for (let n = 0; n < 12; n++) await publish(engine, 'orders', [{ body: n, delaySeconds: 90 }])
  await updateQueue(engine, 'orders', { settings: { shards: 1 } })
  const pollShards = async () => (await anotherProcess(engine).queues.get('orders')).pollShards
  await engine.clock.advance(89_999)
  expect(await poll(engine, 'orders')).toEqual([])
  expect(await pollShards()).toBe(3)
  await engine.clock.advance(1)
  const received = await poll(engine, 'orders', { maxMessages: 25, visibilityTimeoutSeconds: 5 })
  expect(received.map(({ body }) => body).sort()).toEqual(Array.from({ length: 12 }, (_, n) => n).sort())
  const { ack } = await import('../../../lib/settle/ack.ts')
  await ack(
    engine,
    'orders',
    received.map(({ receiptHandle }) => receiptHandle),
  )
  for (const left of [2, 1, 1]) {
    await poll(engine, 'orders')
    expect(await pollShards()).toBe(left)
  }
})

test('polling survives that retiring a shard is throttled', async () => {
  const engine = await engineWithQueue({ shards: 2 })
  await updateQueue(engine, 'orders', { settings: { shards: 1 } })
  await engine.clock.advance(60_000)
  const throttled = testEngine({ clock: engine.clock, store: { ...engine.store, transact: () => refused() }, seed: 3 })
  expect(await poll(throttled, 'orders')).toEqual([])
})

describe('shards that publishers added', () => {
  const MINUTE = 60_000

  /** A queue of two shards whose publishers made eight of them. */
  const raisedToEight = async () => {
    const engine = await engineWithQueue({ shards: 2 })
    for (const _ of [4, 8]) {
      await engine.clock.advance(10_000)
      await raiseShards(engine, await engine.queues.get('orders'))
    }
    expect(await present(engine)).toEqual([8, 8])
    return engine
  }
  /** Shards that publishers spread over, and those that polls scan. */
  const present = async (engine: TestEngine) => {
    const { settings, pollShards } = await engine.queues.fresh('orders')
    return [settings.shards, pollShards]
  }
  const pollOften = async (engine: TestEngine) => {
    for (let polls = 0; polls < 100; polls++) await poll(engine, 'orders')
  }

  test('are halved every ten minutes while polls find nothing, down to the number of the settings', async () => {
    const engine = await raisedToEight()
    await engine.clock.advance(10 * MINUTE - 1)
    await pollOften(engine)
    expect(await present(engine)).toEqual([8, 8])
    await engine.clock.advance(1)
    await pollOften(engine)
    expect(await present(engine)).toEqual([4, 8])
    await engine.clock.advance(MINUTE)
    await pollOften(engine)
    expect(await present(engine)).toEqual([4, 4])
    for (const _ of [1, 2]) {
      await engine.clock.advance(10 * MINUTE)
      await pollOften(engine)
      await engine.clock.advance(MINUTE)
      await pollOften(engine)
      expect(await present(engine)).toEqual([2, 2])
    }
  })

  test('stay while they hold messages, which polls receive', async () => {
    const engine = await raisedToEight()
    await engine.clock.advance(10 * MINUTE)
    await pollOften(engine)
    // A publisher that does not know yet: all eight shards get messages.
    const { generation } = await engine.queues.get('orders')
    const late = testEngine({ clock: engine.clock, store: engine.store, seed: 9 })
    const known = await late.queues.get('orders')
    late.queues.put({ ...known, generation, settings: { ...known.settings, shards: 8 } }, engine.clock.now())
    for (let n = 0; n < 60; n++) await publish(late, 'orders', [{ body: n, delaySeconds: 120 }])
    await engine.clock.advance(MINUTE)
    await pollOften(engine)
    expect(await present(engine)).toEqual([4, 8])
    await engine.clock.advance(MINUTE)
    const received = [1, 2, 3].map(() => poll(engine, 'orders', { maxMessages: 25 }))
    expect((await Promise.all(received)).flat()).toHaveLength(60)
  })

  test('are kept four times as long after fewer were too few', async () => {
    const engine = await raisedToEight()
    await engine.clock.advance(10 * MINUTE)
    await pollOften(engine)
    await engine.clock.advance(10_000)
    await raiseShards(engine, await engine.queues.get('orders'))
    expect(await present(engine)).toEqual([8, 8])
    await engine.clock.advance(40 * MINUTE - 1)
    await pollOften(engine)
    expect(await present(engine)).toEqual([8, 8])
    await engine.clock.advance(1)
    await pollOften(engine)
    expect(await present(engine)).toEqual([4, 8])
  })

  test('stay once a change of the settings names their number, and only then', async () => {
    for (const [settings, left] of [
      [{ shards: 8 }, 8],
      [{ delaySeconds: 1 }, 4],
    ] as const) {
      const engine = await raisedToEight()
      await updateQueue(engine, 'orders', { settings })
      await engine.clock.advance(10 * MINUTE)
      await pollOften(engine)
      expect(await present(engine)).toEqual([left, 8])
    }
  })

  /** A store whose process is paused at a write, while another process lowers the number of shards and retires the last ones. */
  const pausedAt = (engine: TestEngine, write: 'insert' | 'transact', pause: () => Promise<void>): Store => {
    let paused = false
    const first = async <T>(work: () => Promise<T>): Promise<T> => {
      if (!paused) {
        paused = true
        await pause()
      }
      return work()
    }
    const { store } = engine
    return write === 'insert'
      ? { ...store, insert: (segment) => first(() => store.insert(segment)) }
      : { ...store, transact: (writes) => first(() => store.transact(writes)) }
  }
  const lowerAndRetire = async (engine: TestEngine) => {
    for (const ms of [10 * MINUTE, MINUTE, 10 * MINUTE, MINUTE]) {
      await engine.clock.advance(ms)
      await pollOften(engine)
    }
    expect(await present(engine)).toEqual([2, 2])
  }

  test.each([undefined, 'key'])(
    'get no message that polls never find, however long a publisher was paused',
    async (idempotencyKey) => {
      for (const seed of [1, 2, 3, 4]) {
        const engine = await raisedToEight()
        const write = idempotencyKey === undefined ? 'insert' : 'transact'
        const store = pausedAt(engine, write, () => lowerAndRetire(engine))
        const publisher = testEngine({ clock: engine.clock, store, seed })
        expect(
          await publish(publisher, 'orders', [{ body: seed }], { ...(idempotencyKey && { idempotencyKey }) }),
        ).toEqual(ok)
        await engine.clock.advance(5_000)
        expect(await poll(engine, 'orders')).toMatchObject([{ body: seed }])
      }
    },
  )

  /** A publisher that was paused for longer than shards are kept, and whose reads of the queue then fail this often. */
  const latePublisher = async (engine: TestEngine, seed: number, failing: number) => {
    let left = 0
    const pausing = pausedAt(engine, 'insert', async () => {
      await lowerAndRetire(engine)
      left = failing
    })
    const getDocument: Store['getDocument'] = (key, options) =>
      key.partition.startsWith('q#') && left-- > 0 ? refused() : engine.store.getDocument(key, options)
    const clock = { ...engine.clock, sleep: async () => {} }
    return testEngine({ clock, store: { ...pausing, getDocument }, seed })
  }

  test.each([1, 2, 3, 4])(
    'get a message that polls find, although the reads of a late publisher are throttled for a while (seed %i)',
    async (seed) => {
      const engine = await raisedToEight()
      expect(await publish(await latePublisher(engine, seed, 5), 'orders', [{ body: seed }])).toEqual(ok)
      await engine.clock.advance(5_000)
      expect(await poll(engine, 'orders')).toMatchObject([{ body: seed }])
    },
  )

  test('get a message that may have been stored, where the reads of a late publisher stay throttled', async () => {
    const engine = await raisedToEight()
    expect(await publish(await latePublisher(engine, 1, 1_000), 'orders', [{ body: 1 }])).toMatchObject([
      { ok: false, error: { code: 'StoreUnavailable', cause: { code: 'Throttled' } } },
    ])
  })

  test.each([
    ['its key', {}, { idempotencyKey: 'key' }],
    ['its deduplication id', { deduplicationId: 'id' }, {}],
    ['its key in a group', { groupId: 'c' }, { idempotencyKey: 'key' }],
  ])('are scanned again by the repeat of a late publish under %s', async (_, more, options) => {
    let hidden = 0
    for (const seed of [1, 2, 3, 4]) hidden += (await repeatOfLate(seed, more, options)) ? 1 : 0
    expect(hidden).toBeGreaterThan(0)
  })

  /** Repeats a late publish that failed, and expects that polls find its message. Returns whether it failed. */
  const repeatOfLate = async (seed: number, more: object, options: PublishCallOptions): Promise<boolean> => {
    const messages = [{ body: seed, ...more }]
    const engine = await raisedToEight()
    const before = await markGrouped(engine, await engine.queues.get('orders'))
    await lowerAndRetire(engine)
    const store = pausedAt(engine, 'transact', () => engine.clock.advance(31_000))
    const getDocument: Store['getDocument'] = () => refused()
    const clock = { ...engine.clock, sleep: async () => {} }
    const late = testEngine({ clock, store: { ...store, getDocument }, seed })
    late.queues.put(before, engine.clock.now())
    const [first] = await publish(late, 'orders', messages, options)
    expect(await publish(anotherProcess(engine, 8), 'orders', messages, options)).toMatchObject(ok)
    await engine.clock.advance(5_000)
    expect(await poll(engine, 'orders')).toMatchObject([{ body: seed }])
    return first?.ok === false
  }

  test('are read again for about three seconds by a late publish', async () => {
    const engine = await raisedToEight()
    let reads = 0
    const getDocument: Store['getDocument'] = async ({ partition }) => {
      if (partition.startsWith('q#')) reads++
      await engine.clock.advance(1_500)
      return refused()
    }
    const clock = { ...engine.clock, sleep: (ms: number) => engine.clock.advance(ms) }
    const late = testEngine({ clock, store: { ...engine.store, getDocument }, seed: 1 })
    const queue = await engine.queues.get('orders')
    await expect(afterPublish(late, queue, engine.clock.now() - MINUTE)).rejects.toMatchObject({ code: 'Throttled' })
    expect(reads).toBeLessThanOrEqual(3)
  })

  test('that are lowered are reported', async () => {
    const engine = await raisedToEight()
    await engine.clock.advance(10 * MINUTE)
    engine.events.length = 0
    await pollOften(engine)
    expect(engine.events).toEqual([{ type: 'shards-lowered', queue: 'orders', shards: 4 }])
  })

  test('get no message that polls never find, however long a transaction was paused', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const engine = await raisedToEight()
      const store = pausedAt(engine, 'transact', () => lowerAndRetire(engine))
      const tx = engineTransaction(testEngine({ clock: engine.clock, store, seed }))
      tx.publish({ queue: 'orders', message: { body: seed } })
      await tx.commit(storeCommits(store))
      await engine.clock.advance(5_000)
      expect(await poll(engine, 'orders')).toMatchObject([{ body: seed }])
    }
  })

  test('are not retired sooner because the process that lowered their number was paused', async () => {
    const engine = await raisedToEight()
    await engine.clock.advance(10 * MINUTE)
    const store = pausedAt(engine, 'transact', () => engine.clock.advance(MINUTE))
    await pollOften(testEngine({ clock: engine.clock, store, seed: 5 }))
    expect(await present(engine)).toEqual([4, 8])
    await engine.clock.advance(MINUTE - 1)
    await pollOften(engine)
    expect(await present(engine)).toEqual([4, 8])
  })

  test('are not halved by a poll that receives something', async () => {
    const engine = await raisedToEight()
    for (let n = 0; n < 100; n++) await publish(engine, 'orders', [{ body: n }])
    await engine.clock.advance(10 * MINUTE)
    for (let polls = 0; polls < 100; polls++) expect(await poll(engine, 'orders')).toHaveLength(1)
    expect(await present(engine)).toEqual([8, 8])
  })
})
