import { expect, test } from 'vitest'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { getRedrive, runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import type { Store } from '../../../lib/store/port.ts'
import { engineWithQueue, testEngine } from '../../support/test-engine.ts'

/** A store that lets `moves` messages move, and fails from then on. */
const failingAfter = (store: Store, moves: number, code: 'Throttled' | 'Internal'): Store => {
  let left = moves
  return {
    ...store,
    transact: async (writes) => {
      if (writes.some(({ kind }) => kind === 'insert') && left-- <= 0) throw new HoldfastError(code, 'by the test')
      return store.transact(writes)
    },
  }
}

const deadLetters = async () => {
  const engine = await engineWithQueue()
  await createQueue(engine, 'elsewhere')
  for (const body of ['1', '2', '3']) await publish(engine, 'orders', [{ body }])
  await engine.clock.advance(1)
  const { taskId } = await startRedrive(engine, 'orders', { destination: 'elsewhere' })
  return { engine, taskId }
}

test('a redrive that fails counts what it moved before', async () => {
  const { engine, taskId } = await deadLetters()
  const failing = testEngine({ clock: engine.clock, store: failingAfter(engine.store, 2, 'Internal'), seed: 5 })
  expect(await runRedrive(failing, 'orders', taskId)).toMatchObject({ state: 'failed', moved: 2, toMove: 3 })
})

test('a redrive that is throttled notes what it moved, and goes on behind it', async () => {
  const { engine, taskId } = await deadLetters()
  const failing = testEngine({ clock: engine.clock, store: failingAfter(engine.store, 2, 'Throttled'), seed: 5 })
  await expect(runRedrive(failing, 'orders', taskId)).rejects.toMatchObject({ code: 'Throttled' })
  expect(await getRedrive(engine, 'orders', taskId)).toMatchObject({ state: 'running', moved: 2 })
  await engine.clock.advance(60_000)
  expect(await runRedrive(engine, 'orders', taskId)).toMatchObject({ state: 'completed', moved: 3 })
})

test('a redrive is not started beside one that began after another process had read the last one, which has expired', async () => {
  const { engine } = await deadLetters()
  await engine.clock.advance(15 * 86_400_000)
  const request = { destination: 'elsewhere' }
  let isOvertaken = false
  const transact: Store['transact'] = async (writes) => {
    if (!isOvertaken) {
      isOvertaken = true
      const { taskId } = await startRedrive(engine, 'orders', request)
      await runRedrive(engine, 'orders', taskId)
      await engine.clock.advance(1)
      await startRedrive(engine, 'orders', request)
    }
    return engine.store.transact(writes)
  }
  const late = { ...engine, store: { ...engine.store, transact } }
  await expect(startRedrive(late, 'orders', request)).rejects.toMatchObject({ code: 'OperationInProgress' })
})
