import { expect, test } from 'vitest'
import { measureQueues, randomQueueName } from '../../../functions/operations/measure-queues.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

const engineWith = async (queues: number): Promise<TestEngine> => {
  const engine = testEngine()
  for (let at = 0; at < queues; at++) {
    const name = `queue-${String(at).padStart(4, '0')}`
    await createQueue(engine, name)
    if (at % 100 === 7) await publish(engine, name, [{ body: at }, { body: at }])
  }
  return engine
}
/** Time for so many queues. */
const timeFor = (queues: number) => {
  let left = queues
  return () => left-- > 0
}

test('runs that have time for a part of the queues count all of them between them, each as often as the others', async () => {
  const engine = await engineWith(2_300)
  const counted = new Map<string, number>()
  let after: string | undefined
  for (let run = 0; run < 23; run++) {
    const { measured, next } = await measureQueues(engine, timeFor(500), after)
    for (const { queue } of measured) counted.set(queue, (counted.get(queue) ?? 0) + 1)
    after = next
  }
  expect(counted.size).toBe(2_300)
  // A run may count some of the last one's queues again.
  expect(Math.min(...counted.values())).toBeGreaterThanOrEqual(4)
  expect(Math.max(...counted.values())).toBeLessThanOrEqual(6)
})

test('a run that has time counts every queue once, wherever it begins', async () => {
  const engine = await engineWith(1_200)
  for (const after of [undefined, 'queue-0000', 'queue-0600', 'queue-1199', 'another', 'zebra']) {
    const { measured, next } = await measureQueues(engine, () => true, after)
    expect(new Set(measured.map(({ queue }) => queue)).size).toBe(1_200)
    expect(measured).toHaveLength(1_200)
    expect(measured.reduce((sum, { counts }) => sum + counts.ready, 0)).toBe(24)
    expect(next).toBeUndefined()
  }
})

test('a run without time counts nothing and goes on from the same place', async () => {
  const engine = await engineWith(3)
  expect(await measureQueues(engine, () => false)).toEqual({ measured: [], failed: [] })
  expect(await measureQueues(engine, () => false, 'queue-0001')).toEqual({
    measured: [],
    failed: [],
    next: 'queue-0001',
  })
})

test('a queue whose count fails is named, and the others are counted', async () => {
  const engine = await engineWith(12)
  const headers = engine.store.headers
  const broken: TestEngine = {
    ...engine,
    store: {
      ...engine.store,
      headers: (range) =>
        range.partition.queue === 'queue-0003' ? Promise.reject(new Error('broken header')) : headers(range),
    },
  }
  const { measured, failed, next } = await measureQueues(broken, () => true)
  expect(failed).toEqual([{ queue: 'queue-0003', error: new Error('broken header') }])
  expect([measured.length, next]).toEqual([11, undefined])
  expect(measured.find(({ queue }) => queue === 'queue-0007')?.counts.ready).toBe(2)
})

test('processes that each have time for one run begin at random queues, so that every queue is counted', async () => {
  const engine = await engineWith(40)
  const counted = new Set<string>()
  for (let run = 0; run < 60; run++) {
    const { measured } = await measureQueues(engine, timeFor(10), await randomQueueName(engine))
    for (const { queue } of measured) counted.add(queue)
  }
  expect(counted.size).toBe(40)
  expect(await randomQueueName(testEngine())).toBeUndefined()
})
