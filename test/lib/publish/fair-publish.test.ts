import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import type { Store, Write } from '../../../lib/store/port.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

/** A publish to a group of a standard queue is two writes, segment and ticket. What comes between them: */
const GROUP = 'tenant-7'

/** Fails the ticket writes that `fails` answers an error for, by their number. */
const failingTickets = (
  store: Store,
  fails: (ticketWrite: number) => HoldfastError | undefined,
  more: Partial<Store> = {},
) => {
  const partitions: number[] = []
  const failing: Store = {
    ...store,
    ...more,
    transact: async (writes) => {
      const touch = writes.find(({ kind }) => kind === 'touch')
      if (!touch || writes.length > 1) return store.transact(writes)
      partitions.push((touch as Extract<Write, { kind: 'touch' }>).key.partition.shard)
      const error = fails(partitions.length)
      if (error) throw error
      return store.transact(writes)
    },
  }
  return { store: failing, partitions }
}
const throttled = (reason: 'key-range' | 'configured-maximum' = 'configured-maximum') =>
  new HoldfastError('Throttled', 'refused by the test', { reason })
const ok = { ok: true, messageId: expect.any(String) }

const grouped = async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: 'first of the queue', groupId: 'another' }])
  await poll(engine, 'orders', { visibilityTimeoutSeconds: 3_600 })
  await engine.clock.advance(10_000)
  return engine
}
let seed = 20
const publishOn = (engine: TestEngine, store: Store, body = 'a') =>
  publish(testEngine({ clock: engine.clock, store, seed: seed++ }), 'orders', [{ body, groupId: GROUP }])
const received = async (engine: TestEngine): Promise<unknown[]> => {
  const process = anotherProcess(engine, 9)
  const bodies: unknown[] = []
  for (;;) {
    const messages = await poll(process, 'orders', { maxMessages: 9 })
    if (messages.length === 0) return bodies.sort()
    bodies.push(...messages.map(({ body }) => body))
  }
}

describe('a publish to a group of a standard queue whose ticket is not written', () => {
  test.each([
    ['throttled', throttled()],
    ['unanswered', new HoldfastError('StoreUnavailable', 'no answer, by the test')],
  ])('at first, %s, writes the ticket again', async (_, error) => {
    const engine = await grouped()
    const { store, partitions } = failingTickets(engine.store, (n) => (n < 3 ? error : undefined))
    expect(await publishOn(engine, store)).toEqual([ok])
    expect(partitions).toHaveLength(3)
    expect(await received(engine)).toEqual(['a'])
  })

  test('since the partition of the tickets is at its limit moves it to another one', async () => {
    const engine = await grouped()
    const { store, partitions } = failingTickets(engine.store, (n) => (n === 1 ? throttled('key-range') : undefined))
    expect(await publishOn(engine, store)).toEqual([ok])
    expect((await getQueue(anotherProcess(engine), 'orders')).settings.shards).toBe(2)
    expect(partitions).toEqual([0, 1])
    expect(await received(engine)).toEqual(['a'])
  })

  test('at all takes the message back: nothing was done, and a repetition does not double it', async () => {
    const engine = await grouped()
    const { store } = failingTickets(engine.store, () => throttled())
    expect(await publishOn(engine, store)).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'Throttled', retryable: true }) },
    ])
    expect(await publishOn(engine, engine.store)).toEqual([ok])
    expect(await received(engine)).toEqual(['a'])
  })

  test.each([
    ['throttled', throttled()],
    ['refused', new HoldfastError('AccessDenied', 'publishers may not delete, by the test')],
  ])('and that can not be taken back, %s, may have been done', async (_, error) => {
    const engine = await grouped()
    const { store } = failingTickets(engine.store, () => throttled(), {
      change: async (changes) => changes.map(() => ({ applied: false, segment: undefined, error })),
    })
    expect(await publishOn(engine, store)).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'StoreUnavailable', retryable: true }) },
    ])
    // What leads polls to the group, leads them to all of it.
    await publishOn(engine, engine.store, 'b')
    expect(await received(engine)).toEqual(['a', 'b'])
  })

  test('and that is received meanwhile, since its group had a ticket, is not taken back', async () => {
    const engine = await grouped()
    await publishOn(engine, engine.store, 'before')
    const { store } = failingTickets(engine.store, () => throttled(), {
      insert: async (segment) => {
        const inserted = await engine.store.insert(segment)
        expect(await received(engine)).toEqual(['a', 'before'])
        return inserted
      },
    })
    expect(await publishOn(engine, store)).toEqual([
      { ok: false, error: expect.objectContaining({ code: 'StoreUnavailable' }) },
    ])
    await engine.clock.advance(60_000)
    expect(await received(engine)).toEqual(['a', 'before'])
  })
})
