import { beforeEach, describe, expect, test } from 'vitest'
import { fairGroupHash, groupPartition } from '../../../lib/model/group.ts'
import type { NewMessage } from '../../../lib/model/message.ts'
import { liveAt } from '../../../lib/model/segment.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { counts } from '../../../lib/queues/counts.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { handles } from '../../support/fifo-engine.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const LIMIT = 3
const GROUP: NewMessage = { body: 'x', groupId: 'a' }

const publishMany = async (engine: TestEngine, count: number, batch = 25) => {
  for (let left = count; left > 0; left -= batch) {
    await publish(engine, 'orders', Array<NewMessage>(Math.min(batch, left)).fill(GROUP))
  }
}
const take = (engine: TestEngine, options = {}) => poll(engine, 'orders', { maxMessages: 10, ...options })
const inFlight = async (engine: TestEngine, now = engine.clock.now()) => {
  const partition = groupPartition(await engine.queues.get('orders'), fairGroupHash('a'))
  const { segments } = await engine.store.headers({ partition, from: '0', to: '~', limit: 10_000, consistent: true })
  return segments.flatMap(({ slots }) => slots).filter((slot) => slot.kind === 'lease' && liveAt(slot, now)).length
}

/** A store whose claims wait until they are let go. */
const holdingClaims = (store: Store) => {
  const held: (() => void)[] = []
  const waiting = () => new Promise<void>((resolve) => held.push(resolve))
  return {
    store: {
      ...store,
      claim: (claims) => waiting().then(() => store.claim(claims)),
      claimTogether: (...input) => waiting().then(() => store.claimTogether(...input)),
    } satisfies Store,
    release: () => held.splice(0).forEach((go) => void go()),
  }
}

let engine: TestEngine
let other: TestEngine
beforeEach(async () => {
  engine = await engineWithQueue({ maxInFlightPerGroup: LIMIT })
  other = anotherProcess(engine)
})

describe('no more of a group are in flight than its limit', () => {
  test('though a poller is paused between its count and its claim, for however long', async () => {
    for (const pausedMs of [1_000, 60_000, 3_600_000]) {
      engine = await engineWithQueue({ maxInFlightPerGroup: LIMIT })
      await publishMany(engine, 20, 1)
      const holding = holdingClaims(engine.store)
      const paused = testEngine({ clock: engine.clock, store: holding.store, seed: 5 })
      const late = take(paused, { maxMessages: 2, visibilityTimeoutSeconds: 7_200 })
      await engine.clock.advance(pausedMs)
      // What stands before the ones that the paused poller is about to claim, which nobody touches.
      await publishMany(testEngine({ store: engine.store, clock: manualClock(START - 9_000), seed: 8 }), LIMIT)
      expect(await take(anotherProcess(engine), { visibilityTimeoutSeconds: 7_200 })).toHaveLength(LIMIT)
      holding.release()
      expect(await late).toEqual([])
      expect(await inFlight(engine)).toBe(LIMIT)
    }
  })

  test("although a lease that is over by one process's clock is extended by another process", async () => {
    await publishMany(engine, 20, 1)
    const taken = await take(engine)
    const ahead = testEngine({ store: engine.store, clock: manualClock(START + 40_000), seed: 7 })
    const received = await take(ahead)
    expect(received).toHaveLength(LIMIT)
    // They are the same: what is over goes to somebody else before anything new does.
    expect(received.map(({ messageId }) => messageId).sort()).toEqual(taken.map(({ messageId }) => messageId).sort())
    const entries = handles(taken).map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds: 600 }))
    expect((await extend(engine, 'orders', entries)).filter(({ ok }) => ok)).toEqual([])
    expect(await inFlight(engine, START + 40_000)).toBe(LIMIT)
  })

  test('though only some of those that are over are received anew, and the others extended', async () => {
    await publishMany(engine, 20, 1)
    const taken = await take(engine)
    const ahead = testEngine({ store: engine.store, clock: manualClock(START + 40_000), seed: 7 })
    expect(await take(ahead, { maxMessages: 1 })).toHaveLength(1)
    const entries = handles(taken).map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds: 600 }))
    expect((await extend(engine, 'orders', entries)).filter(({ ok }) => ok)).toHaveLength(2)
    await take(ahead)
    expect(await inFlight(engine, START + 40_000)).toBe(LIMIT)
  })

  test('though many messages were published late before those in flight', async () => {
    await publishMany(engine, 3)
    expect(await take(engine)).toHaveLength(LIMIT)
    await publishMany(testEngine({ store: engine.store, clock: manualClock(START - 5_000), seed: 8 }), 220, 1)
    expect(await take(other)).toEqual([])
    expect(await inFlight(engine)).toBe(LIMIT)
  })

  test('also of those that were claimed while there was no limit', async () => {
    await publishMany(engine, 20, 1)
    await take(engine, { maxMessages: 1 })
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: null } })
    await take(engine, { maxMessages: 5 })
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: 7 } })
    await engine.clock.advance(5_001)
    expect(await take(engine)).toHaveLength(1)
    expect(await inFlight(engine)).toBe(7)
  })

  test('also of those far behind what is claimed first once there is a limit', async () => {
    await publishMany(engine, 150, 1)
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: null } })
    for (let left = 150; left > 0; left -= 25) {
      const held = handles(await take(engine, { maxMessages: 25, visibilityTimeoutSeconds: 600 }))
      const given = left > 25 ? held : held.slice(0, -6)
      await nack(
        engine,
        'orders',
        given.map((receiptHandle) => ({ receiptHandle, delaySeconds: 1 })),
      )
    }
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: 7 } })
    await engine.clock.advance(5_001)
    expect(await take(engine)).toHaveLength(1)
    expect(await take(anotherProcess(engine))).toEqual([])
    expect(await inFlight(engine)).toBe(7)
  })

  test('where it is lowered, until so many are gone', async () => {
    await publishMany(engine, 20, 1)
    const [first] = handles(await take(engine))
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: 2 } })
    expect(await take(engine)).toEqual([])
    await ack(engine, 'orders', [first as string])
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(30_000)
    expect(await take(engine)).toHaveLength(2)
  })
})

describe('a group under a limit', () => {
  test('gives what was published late before messages whose leases are over once these are done', async () => {
    await publishMany(engine, 3)
    await take(engine)
    await publish(testEngine({ store: engine.store, clock: manualClock(START - 5_000), seed: 8 }), 'orders', [
      { body: 'late', groupId: 'a' },
    ])
    await engine.clock.advance(30_000)
    const again = await take(engine)
    expect(again.map(({ body, receiveCount }) => [body, receiveCount])).toEqual([
      ['x', 2],
      ['x', 2],
      ['x', 2],
    ])
    await ack(engine, 'orders', handles(again))
    expect(await take(engine)).toMatchObject([{ body: 'late' }])
  })

  test('is left behind by a poller that died in it, at any point, with nothing but its leases', async () => {
    for (const step of ['getDocument', 'headers', 'claimTogether'] as const) {
      for (const fate of ['crashed-before', 'crashed-after'] as const) {
        engine = await engineWithQueue({ maxInFlightPerGroup: LIMIT })
        await publishMany(engine, 20, 1)
        const dying = testEngine({ clock: engine.clock, store: engine.store, seed: 5 })
        await dying.queues.get('orders')
        const store = faultyStore(engine.store, scripted([step, fate]))
        void take({ ...dying, store })
        await engine.clock.advance(100)
        const left = step === 'claimTogether' && fate === 'crashed-after' ? 0 : LIMIT
        const received = await take(anotherProcess(engine))
        expect([step, fate, received.length]).toEqual([step, fate, left])
        await engine.clock.advance(30_000)
        expect(await take(anotherProcess(engine))).toHaveLength(LIMIT)
      }
    }
  })

  test('recognizes its own claim after a lost answer', async () => {
    await publishMany(engine, 20, 1)
    const failing = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['claimTogether', 'repeated'])),
    })
    expect(await take(failing)).toHaveLength(LIMIT)
  })

  test('moves on past a purge, though what was purged is leased', async () => {
    await publishMany(engine, 20, 1)
    await take(engine)
    await purgeQueue(engine, 'orders')
    await engine.clock.advance(1)
    await publishMany(engine, 1)
    await engine.clock.advance(30_000)
    expect(await take(engine)).toHaveLength(1)
  })

  test('moves on past pages of expired messages that TTL has not deleted yet', async () => {
    const store = memoryStore({ clock: manualClock() })
    engine = testEngine({ store })
    await createQueue(engine, 'orders', { settings: { maxInFlightPerGroup: LIMIT } })
    // From the first claim on, the fence tells how far messages may be held.
    await publishMany(engine, 1)
    await ack(engine, 'orders', handles(await take(engine)))
    for (let n = 0; n < 150; n++) await publish(engine, 'orders', [{ ...GROUP, timeToLiveSeconds: 1 }])
    await engine.clock.advance(5_000)
    await publishMany(engine, 2, 1)
    expect(await take(engine)).toHaveLength(2)
  })

  test('has room again when a message that is held expires, however long its lease is', async () => {
    engine = await engineWithQueue({ maxInFlightPerGroup: 1 })
    await publish(engine, 'orders', [{ ...GROUP, timeToLiveSeconds: 10 }])
    await engine.clock.advance(1)
    await publish(engine, 'orders', [{ ...GROUP, body: 'next' }])
    expect(await take(engine, { visibilityTimeoutSeconds: 3_600 })).toHaveLength(1)
    expect(await take(engine)).toEqual([])
    await engine.clock.advance(11_000)
    expect(await take(anotherProcess(engine))).toMatchObject([{ body: 'next' }])
  })

  test('receives a message in time that came near while a poll read the group', async () => {
    let readMs = 0
    const { clock, store } = engine
    const headers: Store['headers'] = async (range) => {
      const page = await store.headers(range)
      await clock.advance(readMs)
      return page
    }
    const slow = testEngine({ clock, store: { ...store, headers } })
    await publishMany(slow, 1)
    await take(slow, { visibilityTimeoutSeconds: 3_600 })
    await publish(slow, 'orders', [{ ...GROUP, body: 'soon', delaySeconds: 2 }])
    await clock.advance(950)
    readMs = 100
    expect(await take(slow)).toEqual([])
    await clock.advance(2_000)
    expect(await take(other)).toMatchObject([{ body: 'soon' }])
  })

  test('with more to dead-letter than one poll does is polled again, whenever its next message is due', async () => {
    await createQueue(engine, 'dead', {})
    await updateQueue(engine, 'orders', { settings: { maxInFlightPerGroup: 200 } })
    await publishMany(engine, 150, 1)
    for (let n = 0; n < 15; n++) await take(engine)
    await updateQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 1 } } })
    await publish(engine, 'orders', [{ ...GROUP, delaySeconds: 600 }])
    await engine.clock.advance(30_000)
    for (let n = 0; n < 2; n++) {
      expect(await take(engine)).toEqual([])
      await engine.clock.advance(1_000)
    }
    expect(await counts(engine, 'dead')).toMatchObject({ ready: 150 })
  })

  test('moves what was received often enough to the dead-letter queue', async () => {
    await createQueue(engine, 'dead', {})
    await updateQueue(engine, 'orders', { settings: { deadLetter: { queue: 'dead', maxReceives: 1 } } })
    await publishMany(engine, 5, 1)
    await take(engine)
    await engine.clock.advance(30_000)
    expect(await take(engine)).toHaveLength(2)
    expect(await poll(engine, 'dead', { maxMessages: 10 })).toHaveLength(3)
  })

  test('is not claimed from for a caller who has gone', async () => {
    await publishMany(engine, 5, 1)
    const gone = new AbortController()
    const store: Store = {
      ...engine.store,
      claimTogether: async (...input) => {
        gone.abort()
        return engine.store.claimTogether(...input)
      },
    }
    expect(await take(testEngine({ clock: engine.clock, store }), { signal: gone.signal })).toEqual([])
    expect(await inFlight(engine)).toBe(0)
    expect((await take(other)).map(({ receiveCount }) => receiveCount)).toEqual([1, 1, 1])
  })
})
