import { describe, expect, test } from 'vitest'
import { DEFAULT_SETTINGS } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { listQueues } from '../../../lib/queues/list-queues.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { faultyStore, scripted } from '../../support/faulty-store.ts'
import { manualClock, START } from '../../support/manual-clock.ts'
import { anotherProcess, engineWithQueue, testEngine } from '../../support/test-engine.ts'

describe('creating a queue', () => {
  test('answers it, with the defaults for what was not named', async () => {
    const engine = testEngine()
    expect(
      await createQueue(engine, 'orders', { settings: { delaySeconds: 5 }, tags: { team: 'a' }, extras: { x: '1' } }),
    ).toEqual({
      created: true,
      queue: {
        name: 'orders',
        settings: { ...DEFAULT_SETTINGS, delaySeconds: 5 },
        createdAt: START,
        modifiedAt: START,
        tags: { team: 'a' },
        extras: { x: '1' },
      },
    })
    expect(await getQueue(anotherProcess(engine), 'orders')).toMatchObject({ tags: { team: 'a' } })
  })

  test('again with the same settings, or fewer, is fine', async () => {
    const engine = testEngine()
    const { queue } = await createQueue(engine, 'orders', { settings: { delaySeconds: 5 } })
    await engine.clock.advance(1_000)
    for (const settings of [{ delaySeconds: 5 }, {}, { delaySeconds: 5, visibilityTimeoutSeconds: 30 }]) {
      expect(await createQueue(engine, 'orders', { settings })).toEqual({ created: false, queue })
    }
  })

  test.each([
    ['delaySeconds', { settings: { delaySeconds: 6 } }],
    ['deadLetter', { settings: { deadLetter: { queue: 'dead', maxReceives: 4 } } }],
    ['tags.team', { tags: { team: 'b' } }],
    ['policy', { extras: { policy: '{}' } }],
  ])('again with another value for %s is refused', async (field, creation) => {
    const engine = testEngine()
    await createQueue(engine, 'dead')
    const deadLetter = { queue: 'dead', maxReceives: 3 }
    await createQueue(engine, 'orders', { settings: { delaySeconds: 5, deadLetter }, tags: { team: 'a' } })
    await expect(createQueue(engine, 'orders', creation)).rejects.toMatchObject({
      code: 'QueueExists',
      fields: { field },
    })
  })

  test('by several at once creates it once', async () => {
    const engine = testEngine()
    const others = [engine, anotherProcess(engine, 2), anotherProcess(engine, 3)]
    const results = await Promise.all(others.map((one) => createQueue(one, 'orders')))
    expect(results.map(({ created }) => created).filter(Boolean)).toHaveLength(1)
  })

  test('with a dead-letter queue that is not there is refused', async () => {
    const settings = { deadLetter: { queue: 'nowhere', maxReceives: 3 } }
    await expect(createQueue(testEngine(), 'orders', { settings })).rejects.toMatchObject({
      code: 'InvalidRequest',
      fields: { field: 'deadLetter.queue', value: 'nowhere' },
    })
  })
})

describe('deleting a queue', () => {
  test('takes all that is in it, and a new one of its name starts empty', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'old' }])
    await deleteQueue(engine, 'orders')
    await expect(getQueue(engine, 'orders')).rejects.toMatchObject({ code: 'QueueNotFound' })
    await expect(deleteQueue(engine, 'orders')).rejects.toMatchObject({ code: 'QueueNotFound' })
    expect((await listQueues(engine)).queues).toEqual([])
    await createQueue(engine, 'orders')
    expect(await poll(engine, 'orders')).toEqual([])
  })

  test('is remembered for who must not make it anew too soon', async () => {
    const engine = await engineWithQueue()
    await deleteQueue(engine, 'orders')
    const again = () => createQueue(engine, 'orders', {}, { minIntervalSinceDeleteMs: 60_000 })
    await engine.clock.advance(59_999)
    await expect(again()).rejects.toMatchObject({ code: 'QueueDeletedRecently' })
    await engine.clock.advance(1)
    expect(await again()).toMatchObject({ created: true })
  })

  test('and making it anew works for a clock that is behind', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const ahead = await engineWithQueue({}, { clock: manualClock(START + 5_000), store })
    await purgeQueue(ahead, 'orders')
    const behind = testEngine({ clock, store, seed: 2 })
    await purgeQueue(behind, 'orders')
    await deleteQueue(ahead, 'orders')
    expect(await createQueue(behind, 'orders')).toMatchObject({ created: true })
  })

  test('leaves a queue that was created after another process deleted the one it was called for', async () => {
    const engine = await engineWithQueue()
    const late = anotherProcess(engine)
    let isReplaced = false
    const transact: typeof engine.store.transact = async (writes) => {
      if (!isReplaced) {
        isReplaced = true
        await deleteQueue(engine, 'orders')
        await createQueue(engine, 'orders')
        await publish(engine, 'orders', [{ body: 'a' }])
      }
      return engine.store.transact(writes)
    }
    const deletion = deleteQueue({ ...late, store: { ...engine.store, transact } }, 'orders')
    await expect(deletion).rejects.toMatchObject({ code: 'QueueNotFound' })
    expect(await poll(engine, 'orders')).toHaveLength(1)
  })
})

describe('updating a queue', () => {
  test('changes what is named, and null removes', async () => {
    const engine = testEngine()
    await createQueue(engine, 'orders', { tags: { a: '1', b: '2' }, extras: { policy: 'p' } })
    await engine.clock.advance(10)
    const queue = await updateQueue(engine, 'orders', {
      settings: { visibilityTimeoutSeconds: 7 },
      tags: { a: null, c: '3' },
      extras: { policy: null },
    })
    expect(queue).toEqual({
      name: 'orders',
      settings: { ...DEFAULT_SETTINGS, visibilityTimeoutSeconds: 7 },
      createdAt: START,
      modifiedAt: START + 10,
      tags: { b: '2', c: '3' },
      extras: {},
    })
  })

  test('by several at once loses no change', async () => {
    const engine = await engineWithQueue()
    await Promise.all(
      [1, 2, 3, 4].map((n) => updateQueue(anotherProcess(engine, n), 'orders', { tags: { [`t${n}`]: 'x' } })),
    )
    expect((await getQueue(anotherProcess(engine, 9), 'orders')).tags).toEqual({ t1: 'x', t2: 'x', t3: 'x', t4: 'x' })
  })

  test('is seen by other processes within five seconds', async () => {
    const engine = await engineWithQueue()
    const other = anotherProcess(engine)
    await getQueue(other, 'orders')
    await updateQueue(engine, 'orders', { settings: { delaySeconds: 9 } })
    expect((await getQueue(other, 'orders')).settings.delaySeconds).toBe(0)
    await engine.clock.advance(5_000)
    expect((await getQueue(other, 'orders')).settings.delaySeconds).toBe(9)
  })
})

describe('purging a queue', () => {
  test('takes ready, delayed and leased messages, and none that come after', async () => {
    const engine = await engineWithQueue()
    await publish(engine, 'orders', [{ body: 'leased' }])
    await poll(engine, 'orders', { visibilityTimeoutSeconds: 60 })
    await publish(engine, 'orders', [{ body: 'ready' }, { body: 'delayed', delaySeconds: 60 }])
    await purgeQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 'new' }])
    await engine.clock.advance(100_000)
    expect(await poll(engine, 'orders', { maxMessages: 9 })).toMatchObject([{ body: 'new' }])
  })

  const purged = async (publisherAheadMs: number, purgerAheadMs: number) => {
    const { clock, store } = await engineWithQueue()
    const offBy = (ms: number, seed: number) =>
      testEngine({ clock: { ...clock, now: () => clock.now() + ms, doubtMs: () => 500 }, store, seed })
    const publisher = offBy(publisherAheadMs, 2)
    await publish(publisher, 'orders', [{ body: 'before' }])
    await clock.advance(100)
    const purging = purgeQueue(offBy(purgerAheadMs, 3), 'orders')
    await clock.advance(3_000)
    await purging
    await publish(publisher, 'orders', [{ body: 'after' }])
    await clock.advance(10_000)
    return poll(offBy(0, 4), 'orders', { maxMessages: 9 })
  }

  test('takes what was published before, when its clock is behind the publisher', async () => {
    expect(await purged(500, -500)).toMatchObject([{ body: 'after' }])
  })

  test('leaves what is published after, when its clock is ahead of the publisher', async () => {
    expect(await purged(-500, 500)).toMatchObject([{ body: 'after' }])
  })

  test('takes four seconds at most, also when nothing is known of the time', async () => {
    const { clock, store } = await engineWithQueue()
    const unsure = testEngine({ clock: { ...clock, doubtMs: () => Number.POSITIVE_INFINITY }, store, seed: 2 })
    const purging = purgeQueue(unsure, 'orders')
    await clock.advance(4_000)
    await purging
    expect(clock.sleeping()).toBe(0)
  })

  test.each([0, -300])(
    'again, by a clock that shows %d ms more, takes what both purges are to take',
    async (moreMs) => {
      const engine = await engineWithQueue()
      await publish(engine, 'orders', [{ body: 'before the first' }])
      await purgeQueue(engine, 'orders')
      await publish(engine, 'orders', [{ body: 'between them' }])
      const { clock, store } = engine
      const again = testEngine({ clock: { ...clock, now: () => clock.now() + moreMs }, store, seed: 2 })
      await purgeQueue(again, 'orders')
      await publish(again, 'orders', [{ body: 'after' }])
      await clock.advance(10_000)
      expect(await poll(engine, 'orders', { maxMessages: 9 })).toMatchObject([{ body: 'after' }])
    },
  )

  test('too soon after the last time is refused when asked to', async () => {
    const engine = await engineWithQueue()
    await purgeQueue(engine, 'orders')
    await expect(purgeQueue(engine, 'orders', { minIntervalMs: 60_000 })).rejects.toMatchObject({
      code: 'PurgeInProgress',
    })
    await engine.clock.advance(1)
    await purgeQueue(engine, 'orders')
    await engine.clock.advance(60_000)
    await purgeQueue(engine, 'orders', { minIntervalMs: 60_000 })
  })
})

test('a change of a queue whose answer was lost, and that was sent again, has been made once', async () => {
  const engine = await engineWithQueue()
  const store = faultyStore(engine.store, scripted(['transact', 'repeated']))
  const repeating = testEngine({ clock: engine.clock, store, seed: 4 })
  await purgeQueue(repeating, 'orders', { minIntervalMs: 60_000 })
  const version = async () => (await engine.queues.fresh('orders')).version
  expect(await version()).toBe(2)
  await expect(purgeQueue(repeating, 'orders', { minIntervalMs: 60_000 })).rejects.toMatchObject({
    code: 'PurgeInProgress',
  })
})

describe('the list of queues', () => {
  test('is by name, by prefix, page by page', async () => {
    const engine = testEngine()
    for (const name of ['b-2', 'a', 'b-1', 'c', 'b-3']) await createQueue(engine, name)
    const namesOf = async (query: Parameters<typeof listQueues>[1]) => {
      const { queues, cursor } = await listQueues(engine, query)
      return { names: queues.map(({ name }) => name), cursor }
    }
    expect(await namesOf({})).toEqual({ names: ['a', 'b-1', 'b-2', 'b-3', 'c'], cursor: undefined })
    const first = await namesOf({ prefix: 'b', limit: 2 })
    expect(first).toEqual({ names: ['b-1', 'b-2'], cursor: expect.any(String) })
    expect(await namesOf({ prefix: 'b', limit: 2, cursor: first.cursor as string })).toEqual({
      names: ['b-3'],
      cursor: undefined,
    })
    await expect(listQueues(engine, { limit: 1_001 })).rejects.toMatchObject({ code: 'InvalidRequest' })
  })

  test('holds the queues of one account and region', async () => {
    const engine = testEngine()
    await createQueue(engine, 'mine')
    await createQueue(engine, '111122223333/eu-west-1/theirs')
    expect((await listQueues(engine)).queues.map(({ name }) => name)).toEqual(['mine'])
    const { queues } = await listQueues(engine, { scope: '111122223333/eu-west-1' })
    expect(queues.map(({ name }) => name)).toEqual(['111122223333/eu-west-1/theirs'])
  })
})

describe("a process's cache of queues", () => {
  test('is read once for many callers, and again after five seconds', async () => {
    const engine = await engineWithQueue()
    // The queue's record and its layout, at the same time.
    let reads = 0
    const counting = faultyStore(engine.store, {
      fateOf: ({ operation }) => {
        if (operation === 'getDocument') reads++
        return 'done'
      },
    })
    const other = testEngine({ clock: engine.clock, store: counting, seed: 4 })
    await Promise.all([1, 2, 3].map(() => getQueue(other, 'orders')))
    await engine.clock.advance(4_999)
    await getQueue(other, 'orders')
    expect(reads).toBe(2)
    await engine.clock.advance(1)
    await getQueue(other, 'orders')
    expect(reads).toBe(4)
  })

  test('does not include that a queue is not there', async () => {
    const engine = testEngine()
    await expect(getQueue(engine, 'orders')).rejects.toMatchObject({ code: 'QueueNotFound' })
    await createQueue(anotherProcess(engine), 'orders')
    expect(await getQueue(engine, 'orders')).toMatchObject({ name: 'orders' })
  })

  test('is asked for again after the store failed', async () => {
    const engine = await engineWithQueue()
    const faulty = testEngine({
      clock: engine.clock,
      store: faultyStore(engine.store, scripted(['getDocument', 'refused'])),
      seed: 4,
    })
    await expect(getQueue(faulty, 'orders')).rejects.toMatchObject({ code: 'Throttled' })
    expect(await getQueue(faulty, 'orders')).toMatchObject({ name: 'orders' })
  })
})
