import { beforeEach, expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import type { InvokeOutcome } from '../../../lib/triggers/invoker.ts'
import { listTriggers } from '../../../lib/triggers/list-triggers.ts'
import { dispatch } from '../../../lib/triggers/run.ts'
import { removeTrigger, setTrigger } from '../../../lib/triggers/trigger.ts'
import { settled } from '../../support/manual-clock.ts'
import { type TestEngine, testEngine } from '../../support/test-engine.ts'

let engine: TestEngine
beforeEach(async () => {
  engine = testEngine()
  for (const queue of ['a', 'b', 'c']) await createQueue(engine, queue, {})
})

const declare = (queue: string, more: object = {}) =>
  setTrigger(engine, { queue, functionName: 'handler', functionTimeoutSeconds: 10, ...more })

/** A run whose function ends when the test says so. */
const run = (queue: string) => {
  let answer: (outcome: InvokeOutcome) => void = () => {}
  const ended = dispatch(engine, {
    queue,
    invoker: {
      fitting: async (_, messages) => messages.length,
      records: async () => [],
      invoke: () => new Promise((resolve) => (answer = resolve)),
    },
    endsAt: engine.clock.now() + 900_000,
    startRun: async () => {},
  })
  return { ended, answer: () => answer({ kind: 'answered', failed: new Set() }) }
}

test('lists triggers by the names of their queues, a page at a time', async () => {
  for (const queue of ['c', 'a', 'b']) await declare(queue)
  const first = await listTriggers(engine, { limit: 2 })
  expect(first.triggers.map(({ queue }) => queue)).toEqual(['a', 'b'])
  const { triggers, cursor } = await listTriggers(engine, { limit: 2, cursor: first.cursor as string })
  expect([triggers.map(({ queue }) => queue), cursor]).toEqual([['c'], undefined])
})

test('leaves out triggers that are removed, and queues of other accounts', async () => {
  await createQueue(engine, '111122223333/eu-west-1/a', {})
  await declare('111122223333/eu-west-1/a')
  await declare('b')
  await declare('c')
  await removeTrigger(engine, 'c')
  expect((await listTriggers(engine)).triggers.map(({ queue }) => queue)).toEqual(['b'])
})

test('lists that of one queue, which may have none, and refuses a queue that is missing', async () => {
  await declare('a')
  expect((await listTriggers(engine, { queue: 'a' })).triggers).toMatchObject([{ queue: 'a', batchSize: 10 }])
  expect(await listTriggers(engine, { queue: 'b' })).toEqual({ triggers: [] })
  await expect(listTriggers(engine, { queue: 'none' })).rejects.toMatchObject({ code: 'QueueNotFound' })
})

test('refuses a limit out of range, and a cursor that no page gave', async () => {
  for (const query of [{ limit: 0 }, { limit: 101 }, { cursor: '%' }, { cursor: '' }]) {
    await expect(listTriggers(engine, query)).rejects.toMatchObject({ code: 'InvalidRequest' })
  }
})

test('a list of triggers has a run and its slots while the run lasts, and then its end', async () => {
  await declare('a', { maxConcurrency: 3 })
  await publish(engine, 'a', [{ body: 'x' }])
  const one = async () => (await listTriggers(engine, { queue: 'a' })).triggers[0]
  expect(await one()).toMatchObject({ running: false, slotsTaken: 0, nextRunAt: engine.clock.now() })
  const { ended, answer } = run('a')
  await settled()
  // One with an invocation, and one for the next batch.
  expect(await one()).toMatchObject({ running: true, slotsTaken: 2 })
  expect(await one()).not.toHaveProperty('nextRunAt')
  answer()
  await engine.clock.advance(5_000)
  expect(await ended).toBe('idle')
  const after = await one()
  expect(after).toMatchObject({ running: false, slotsTaken: 0 })
  expect(after?.lastRunEndedAt).toBeGreaterThan(engine.clock.now() - 5_000)
  expect(after).not.toHaveProperty('nextRunAt')
})

test('a list of triggers has whether the queue is paused, and when the next message is due', async () => {
  await declare('a')
  await publish(engine, 'a', [{ body: 'x', delaySeconds: 60 }])
  const dueAt = engine.clock.now() + 60_000
  const { ended } = run('a')
  await engine.clock.advance(5_000)
  await ended
  expect((await listTriggers(engine)).triggers).toMatchObject([{ queue: 'a', paused: false, nextRunAt: dueAt }])
  await updateQueue(engine, 'a', () => ({ settings: { paused: true } }))
  expect((await listTriggers(engine)).triggers).toMatchObject([{ queue: 'a', paused: true }])
})
