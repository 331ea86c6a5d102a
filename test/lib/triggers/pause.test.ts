import { expect, test } from 'vitest'
import type { DocumentKey } from '../../../lib/model/document.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import type { Message } from '../../../lib/model/message.ts'
import { sortKey } from '../../../lib/model/segment-key.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { queueKey } from '../../../lib/store/keys.ts'
import type { Store } from '../../../lib/store/port.ts'
import { notePaused, readDue } from '../../../lib/triggers/due-index.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { tick, wake } from '../../../lib/triggers/wake.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anotherProcess, type TestEngine, testEngine } from '../../support/test-engine.ts'

/** A queue with a trigger, its runs, and who else reads its record. */
const rig = async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const recordReads: DocumentKey[] = []
  const counting: Store = {
    ...store,
    getDocument: (key, options) => {
      if (key.partition === queueKey('orders').partition) recordReads.push(key)
      return store.getDocument(key, options)
    },
  }
  const engine = testEngine({ clock, store: counting })
  await createQueue(engine, 'orders')
  await setTrigger(engine, { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 10 })
  const delivered: unknown[] = []
  const started: string[] = []
  const startRun = async (name: string) => void started.push(name)
  const invoker = {
    fitting: async (_: unknown, messages: readonly Message[]) => messages.length,
    records: async () => [],
    invoke: async (_: unknown, messages: readonly Message[]) => {
      delivered.push(...messages.map(({ body }) => body))
      return { kind: 'answered', failed: new Set<string>() } as const
    },
  }
  /** A run to its end. */
  const run = async (of: TestEngine = engine) => {
    const running = dispatch(of, { queue: 'orders', invoker, endsAt: clock.now() + 900_000, startRun })
    await clock.advance(20_000)
    expect(await running).toBe('idle')
  }
  const segment = () => ({
    partition: { queue: 'orders', generation: 'g', shard: 0 },
    sort: sortKey({ priority: 0, dueAt: clock.now(), unique: '0'.repeat(14) }),
  })
  const wakeUp = () => wake(engine, [segment()], { startRun })
  const ticked = () => tick(engine, { startRun })
  const set = (paused: boolean) => updateQueue(anotherProcess(engine), 'orders', { settings: { paused } })
  return { engine, clock, run, wakeUp, ticked, set, delivered, started, recordReads }
}

test('a run of a paused queue ends, its messages stay, and a tick starts one after the resume', async () => {
  const { engine, run, ticked, set, delivered, started } = await rig()
  await set(true)
  await publish(engine, 'orders', [{ body: 'a' }])
  await run(anotherProcess(engine))
  expect(delivered).toEqual([])
  expect((await readDue(engine, 'orders')).due).toMatchObject({ paused: true, left: true })
  expect(await ticked()).toBe(0)
  await set(false)
  expect(await ticked()).toBe(1)
  expect(started).toEqual(['orders'])
  await run(anotherProcess(engine))
  expect(delivered).toEqual(['a'])
  expect((await readDue(engine, 'orders')).due).not.toHaveProperty('paused')
})

test('a wake for a paused queue starts no run, writes once, and leaves the queue to the ticks', async () => {
  const { engine, run, wakeUp, ticked, set, started } = await rig()
  await run()
  await set(true)
  await wakeUp()
  const noted = await readDue(engine, 'orders')
  expect(noted.due).toMatchObject({ paused: true, left: true })
  await wakeUp()
  expect(await readDue(engine, 'orders')).toEqual(noted)
  expect(started).toEqual([])
  await set(false)
  expect(await ticked()).toBe(1)
})

test('a wake reads the record, whatever its process remembers of it', async () => {
  const { engine, run, wakeUp, set, started } = await rig()
  await run()
  await engine.queues.get('orders')
  await set(true)
  await wakeUp()
  expect(started).toEqual([])
  await set(false)
  await wakeUp()
  expect(started).toEqual(['orders'])
})

test('a resume between the look of a run and its note is not lost', async () => {
  const { engine, run, ticked, set } = await rig()
  await set(true)
  await publish(engine, 'orders', [{ body: 'a' }])
  const other = anotherProcess(engine)
  const transact = other.store.transact
  let resumed = false
  const store: Store = {
    ...other.store,
    transact: async (writes) => {
      const note = writes.some((write) => write.kind === 'put' && (write.value as { paused?: true }).paused === true)
      if (note && !resumed) {
        resumed = true
        await set(false)
      }
      return transact(writes)
    },
  }
  await run({ ...testEngine({ clock: engine.clock, store }) })
  expect(resumed).toBe(true)
  expect(await ticked()).toBe(1)
})

test('a pause during the last scan of a run is not lost where the entry of the due index was paused before', async () => {
  const { engine, clock, wakeUp, ticked, set, run } = await rig()
  const other = anotherProcess(engine)
  let looked = false
  const store: Store = {
    ...other.store,
    headers: async (range) => {
      const found = await other.store.headers(range)
      if (range.consistent && !looked) {
        looked = true
        await set(true)
        await publish(engine, 'orders', [{ body: 'a' }])
        // It finds what it would note in the entry.
        await wakeUp()
      }
      return found
    },
  }
  const running = run(testEngine({ clock, store }))
  await clock.advance(1_000)
  await notePaused(engine, 'orders')
  await running
  expect(looked).toBe(true)
  await set(false)
  expect(await ticked()).toBe(1)
})

test('ticks read the records of paused queues alone, one each', async () => {
  const { run, ticked, set, recordReads } = await rig()
  await run()
  recordReads.length = 0
  await ticked()
  expect(recordReads).toEqual([])
  await set(true)
  await run()
  recordReads.length = 0
  for (let minute = 0; minute < 3; minute++) await ticked()
  expect(recordReads).toHaveLength(3)
})

test('a paused queue that is deleted is looked at no more', async () => {
  const { engine, run, ticked, set } = await rig()
  await set(true)
  await run()
  await deleteQueue(engine, 'orders')
  expect(await ticked()).toBe(1)
  await run()
  expect(await ticked()).toBe(0)
})

test('a tick that can not read the record of a paused queue starts the runs of all others before it fails', async () => {
  const { engine, set, run } = await rig()
  await set(true)
  await run()
  await createQueue(engine, 'others')
  await setTrigger(engine, { queue: 'others', functionName: 'handler', functionTimeoutSeconds: 10 })
  const getDocument: Store['getDocument'] = (key, options) =>
    key.partition === queueKey('orders').partition && key.sort === queueKey('orders').sort
      ? Promise.reject(new HoldfastError('Throttled', 'slow down'))
      : engine.store.getDocument(key, options)
  const started: string[] = []
  const startRun = async (name: string) => {
    await new Promise((resolve) => setImmediate(resolve))
    started.push(name)
  }
  const ticking = tick({ ...engine, store: { ...engine.store, getDocument } }, { startRun })
  await expect(ticking).rejects.toMatchObject({ code: 'Throttled' })
  expect(started).toEqual(['others'])
})
