import { expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { raiseShards } from '../../../lib/queues/shards.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { anotherProcess, engineWithQueue, testEngine } from '../../support/test-engine.ts'

/** Another process, which stands still for as long as it is told after the store has done what it was asked for. */
const pausingProcess = (engine: Awaited<ReturnType<typeof engineWithQueue>>) => {
  const pause = { during: async () => {}, armed: false }
  const { store } = engine
  const stands = async <T>(answer: Promise<T>): Promise<T> => {
    const done = await answer
    if (pause.armed) {
      pause.armed = false
      await pause.during()
    }
    return done
  }
  const process = testEngine({
    clock: engine.clock,
    seed: 2,
    store: {
      ...store,
      getDocument: (key, options) => stands(store.getDocument(key, options)),
      transact: (writes) => stands(store.transact(writes)),
    },
  })
  return { process, pause }
}

test('a process that stood still while it read a queue reads it again', async () => {
  const engine = await engineWithQueue()
  const { process, pause } = pausingProcess(engine)
  pause.armed = true
  pause.during = async () => {
    await updateQueue(engine, 'orders', { settings: { delaySeconds: 7 } })
    await engine.clock.advance(60_000)
  }
  expect((await process.queues.get('orders')).settings.delaySeconds).toBe(7)
})

test('a process that stood still while it read a queue receives nothing that was purged meanwhile', async () => {
  const engine = await engineWithQueue()
  await publish(engine, 'orders', [{ body: 'before' }])
  const { process, pause } = pausingProcess(engine)
  pause.armed = true
  pause.during = async () => {
    await engine.clock.advance(60_000)
    await purgeQueue(engine, 'orders')
    await engine.clock.advance(60_000)
  }
  expect(await poll(process, 'orders')).toEqual([])
})

test('a process that stood still while it changed a queue does not take its change for the latest', async () => {
  const engine = await engineWithQueue()
  const { process, pause } = pausingProcess(engine)
  pause.during = async () => {
    await updateQueue(engine, 'orders', { settings: { delaySeconds: 7 } })
    await engine.clock.advance(60_000)
  }
  // The read of its change, and not the one that it is about to write on.
  const changed = updateQueue(process, 'orders', () => {
    pause.armed = true
    return { settings: { priorities: 3 } }
  })
  await changed
  expect((await process.queues.get('orders')).settings.delaySeconds).toBe(7)
})

test('a queue of which a process changes the shards is read again no later than without', async () => {
  const engine = await engineWithQueue()
  const { process } = pausingProcess(engine)
  await engine.clock.advance(60_000)
  const queue = await process.queues.get('orders')
  await engine.clock.advance(4_000)
  expect(await raiseShards(process, queue)).toBe(2)
  expect((await process.queues.get('orders')).settings.shards).toBe(2)
  await purgeQueue(engine, 'orders')
  await engine.clock.advance(2_000)
  expect((await process.queues.get('orders')).purgedAt).toBeDefined()
})

/** Another process, which is reading a queue until `end` is called. `early` is what the call that began the read comes to. */
const duringRead = async (engine: Awaited<ReturnType<typeof engineWithQueue>>) => {
  const { process, pause } = pausingProcess(engine)
  let end = () => {}
  pause.armed = true
  pause.during = () => new Promise<void>((goOn) => (end = goOn))
  const early = process.queues.get('orders').catch((error: unknown) => error)
  while (pause.armed) await new Promise(setImmediate)
  return { process, early, end: () => end() }
}

test('a read that began before a process created a queue again does not hide the queue', async () => {
  const engine = await engineWithQueue()
  const { process, early, end } = await duringRead(engine)
  await deleteQueue(process, 'orders')
  await createQueue(process, 'orders')
  end()
  await early
  await publish(process, 'orders', [{ body: 'a' }])
  expect(await poll(anotherProcess(engine), 'orders')).toHaveLength(1)
})

test('a queue whose creation was answered is there for a call that comes during an earlier read', async () => {
  const engine = testEngine()
  const { process, early, end } = await duringRead(engine)
  await createQueue(engine, 'orders')
  const late = Promise.all([process.queues.get('orders'), process.queues.get('orders')])
  end()
  expect(await early).toMatchObject({ code: 'QueueNotFound' })
  expect(await late).toMatchObject([{ name: 'orders' }, { name: 'orders' }])
})
