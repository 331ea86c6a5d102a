import { describe, expect, test } from 'vitest'
import { DEFAULT_FIFO, type QueueSettings } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { getQueue } from '../../../lib/queues/get-queue.ts'
import { raiseShards } from '../../../lib/queues/shards.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { layoutKey, queueKey } from '../../../lib/store/keys.ts'
import type { Store } from '../../../lib/store/port.ts'
import { anotherProcess, engineWithQueue, type TestEngine, testEngine } from '../../support/test-engine.ts'

const stateOf = (engine: TestEngine) => anotherProcess(engine).queues.get('orders')
const shardsOf = async (engine: TestEngine) => {
  const { settings, pollShards } = await stateOf(engine)
  return [settings.shards, pollShards]
}
const recordOf = (engine: TestEngine) => engine.store.getDocument(queueKey('orders'), { consistent: true })
const layoutDocument = (engine: TestEngine) => engine.store.getDocument(layoutKey('orders'), { consistent: true })

/** An engine whose queue has been raised from one shard to two. */
const raised = async () => {
  const engine = await engineWithQueue()
  await engine.clock.advance(10_000)
  await raiseShards(engine, await engine.queues.get('orders'))
  return engine
}

/** Another process, whose requests meet what the test has put before the store. */
const withStore = (engine: TestEngine, own: Partial<Store>): TestEngine =>
  testEngine({ clock: engine.clock, seed: 9, store: { ...engine.store, ...own } })

/** Does the work at the first call alone. */
const once = (work: () => Promise<void>) => {
  let isDone = false
  return async () => {
    if (isDone) return
    isDone = true
    await work()
  }
}

/** Writes a layout as a publisher's role may: whatever it likes. */
const forge = async (engine: TestEngine, layout: Record<string, unknown>, name = 'orders') => {
  const { generation } = await engine.queues.get(name)
  await engine.store.transact([{ kind: 'put', key: layoutKey(name), value: { generation, ...layout } as never }])
}

describe('what publishers and pollers note about a queue', () => {
  test('leaves the queue’s record as it was', async () => {
    const engine = await engineWithQueue()
    const before = await recordOf(engine)
    await engine.clock.advance(10_000)
    await raiseShards(engine, await engine.queues.get('orders'))
    await publish(engine, 'orders', [{ body: 'a', groupId: 'g' }])
    expect(await recordOf(engine)).toEqual(before)
    expect(await stateOf(engine)).toMatchObject({ settings: { shards: 2 }, pollShards: 2, grouped: true })
  })

  test('goes with the queue: the next one of its name starts without it', async () => {
    const engine = await raised()
    await deleteQueue(engine, 'orders')
    await createQueue(engine, 'orders')
    expect(await shardsOf(engine)).toEqual([1, 1])
  })

  test('stays for a day when the queue is deleted, as its record does', async () => {
    const engine = await raised()
    await deleteQueue(engine, 'orders')
    await engine.clock.advance(86_399_000)
    expect(await layoutDocument(engine)).toMatchObject({ version: 2 })
    await engine.clock.advance(1_000)
    expect(await layoutDocument(engine)).toBeUndefined()
  })

  test('does not expire under the next queue of the name, whose versions would begin anew', async () => {
    const engine = await raised()
    await deleteQueue(engine, 'orders')
    await createQueue(engine, 'orders')
    await engine.clock.advance(86_399_000)
    const known = await stateOf(engine)
    await engine.clock.advance(2_000)
    const other = anotherProcess(engine, 3)
    await publish(other, 'orders', [{ body: 'x', groupId: 'a' }])
    expect((await layoutDocument(engine))?.version).toBeGreaterThan(known.layoutVersion)
    expect(await raiseShards(anotherProcess(engine, 4), known)).toBe(1)
    expect(await stateOf(engine)).toMatchObject({ grouped: true })
  })

  test('is known to the process that created the next queue of the name', async () => {
    const engine = await raised()
    await deleteQueue(engine, 'orders')
    await createQueue(engine, 'orders')
    expect(await engine.queues.get('orders')).toEqual(await stateOf(engine))
  })

  test('is not written over by a process that still knows a deleted queue of the name', async () => {
    const engine = await raised()
    const before = await engine.queues.get('orders')
    await deleteQueue(engine, 'orders')
    await createQueue(engine, 'orders')
    await publish(engine, 'orders', [{ body: 'x', groupId: 'a' }])
    await engine.clock.advance(10_001)
    await raiseShards(anotherProcess(engine), before)
    expect(await stateOf(engine)).toMatchObject({ grouped: true })
    expect(await poll(anotherProcess(engine), 'orders')).toHaveLength(1)
  })

  test('is not written over by a process that read the deleted queue’s record and the next one’s layout', async () => {
    const engine = await engineWithQueue()
    const replaced = once(async () => {
      await deleteQueue(engine, 'orders')
      await createQueue(engine, 'orders')
      await publish(engine, 'orders', [{ body: 'x', groupId: 'a' }])
    })
    const late = withStore(engine, {
      getDocument: async (key, options) => {
        if (key.partition === layoutKey('orders').partition) await replaced()
        return engine.store.getDocument(key, options)
      },
    })
    const known = await late.queues.get('orders')
    await engine.clock.advance(10_001)
    await raiseShards(late, known)
    expect(await stateOf(engine)).toMatchObject({ grouped: true })
    expect(await poll(anotherProcess(engine), 'orders')).toHaveLength(1)
  })

  test('does not pass to the next queue of the name when it was written after the deletion', async () => {
    const engine = await engineWithQueue()
    const { generation } = await engine.queues.get('orders')
    await deleteQueue(engine, 'orders')
    const late = { generation, shards: 8, pollShards: 8, grouped: true, changedAt: 0 }
    await engine.store.transact([{ kind: 'put', key: layoutKey('orders'), value: late }])
    await createQueue(engine, 'orders')
    expect(await stateOf(engine)).toMatchObject({ settings: { shards: 1 }, pollShards: 1, grouped: false })
    await engine.clock.advance(10_001)
    expect(await raiseShards(engine, await engine.queues.get('orders'))).toBe(2)
  })

  test('is overruled by the settings: shards can be lowered after they were raised', async () => {
    const engine = await raised()
    await updateQueue(engine, 'orders', { settings: { shards: 1 } })
    expect(await shardsOf(engine)).toEqual([1, 2])
  })

  test('stays out of the record when other settings change', async () => {
    const engine = await raised()
    await updateQueue(engine, 'orders', { settings: { delaySeconds: 7 } })
    const record = (await recordOf(engine))?.value as unknown as { settings: QueueSettings }
    expect([record.settings.delaySeconds, record.settings.shards]).toEqual([7, 1])
    expect(await shardsOf(engine)).toEqual([2, 2])
    expect(Object.keys(record).sort()).toEqual([
      'changeId',
      'createdAt',
      'extras',
      'generation',
      'modifiedAt',
      'pollPriorities',
      'settings',
      'tags',
    ])
  })

  test('is changed by one of two processes at a time', async () => {
    const engine = await engineWithQueue()
    await engine.clock.advance(10_000)
    const [one, two] = [anotherProcess(engine, 3), anotherProcess(engine, 4)]
    const [first, second] = [await one.queues.get('orders'), await two.queues.get('orders')]
    expect(await raiseShards(one, first)).toBe(2)
    expect(await raiseShards(two, second)).toBe(1)
    expect(await shardsOf(engine)).toEqual([2, 2])
    // A group noted on an outdated reading keeps the shards that another process has raised.
    await publish(two, 'orders', [{ body: 'a', groupId: 'g' }])
    expect(await stateOf(engine)).toMatchObject({ settings: { shards: 2 }, pollShards: 2, grouped: true })
  })
})

describe('a layout that a publisher has forged', () => {
  test.each([
    ['fewer shards than the settings', { shards: 1, pollShards: 1 }, [4, 4]],
    ['more shards than a queue can have', { shards: 101, pollShards: 1_000_000 }, [4, 4]],
    ['shards that are no numbers', { shards: '8', pollShards: null }, [4, 4]],
    ['shards in halves', { shards: 5.5, pollShards: 6.5 }, [4, 4]],
    ['the most shards', { shards: 100, pollShards: 100 }, [100, 100]],
  ])('with %s adds shards within the limit, and takes none away', async (_, layout, expected) => {
    const engine = await engineWithQueue({ shards: 4 })
    await forge(engine, layout)
    expect(await shardsOf(engine)).toEqual(expected)
    await publish(engine, 'orders', [{ body: 'a' }])
    expect(await poll(anotherProcess(engine), 'orders')).toMatchObject([{ body: 'a' }])
  })

  test('does not touch a FIFO queue, whose sequence numbers depend on its shards', async () => {
    const engine = testEngine()
    await createQueue(engine, 'steps.fifo', { settings: { fifo: DEFAULT_FIFO, shards: 2 } })
    await forge(engine, { shards: 50, pollShards: 50 }, 'steps.fifo')
    const other = anotherProcess(engine)
    expect((await getQueue(other, 'steps.fifo')).settings.shards).toBe(2)
    expect((await other.queues.get('steps.fifo')).pollShards).toBe(2)
  })

  test('reads as an empty one when it is no object', async () => {
    const engine = await engineWithQueue({ shards: 2 })
    for (const value of [null, 'text', 7, []]) {
      await engine.store.transact([{ kind: 'put', key: layoutKey('orders'), value: value as never }])
      expect(await shardsOf(engine)).toEqual([2, 2])
    }
  })
})
