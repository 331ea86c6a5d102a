import { expect, test } from 'vitest'
import { publish } from '../../lib/publish/publish.ts'
import { poll } from '../../lib/receive/poll.ts'
import { drainAll } from './drain.ts'
import { leftMessages } from './left.ts'
import { newWorld } from './world.ts'
import type { WorldSettings } from './world-settings.ts'

const SETTINGS: WorldSettings = {
  kind: 'standard',
  groups: ['red', 'blue'],
  cast: { publishers: 0, consumers: 0, operators: 0 },
  faults: { 'answer lost': 1 },
  spans: { drainMs: 60_000 },
}

const publishing = { deduplicationId: undefined, timeToLiveSeconds: undefined, key: undefined, startedAt: 0 }

test('a message of a group whose publish was not answered may stay hidden until the next publish to its group', async () => {
  let nothingFails = true
  const world = await newWorld(SETTINGS, { seed: 1, reduction: { isLeftOut: () => nothingFails } })
  const { history, scheduler } = world
  const { engine } = world.newActor('publisher').process
  const publishTo = (groupId: string) => scheduler.run(publish(engine, 'orders', [{ body: groupId, groupId }]))
  const { ledger } = history
  // Stores that the queue has groups.
  await publishTo('blue')
  const known = new Set(ledger.entries.keys())
  nothingFails = false
  const [answer] = await publishTo('red')
  expect(answer?.ok).toBe(false)
  const [messageId] = [...ledger.entries.keys()].filter((id) => !known.has(id))
  expect(messageId).toBeDefined()
  expect(await leftMessages(world)).toEqual([])

  const one = history.publishing({ body: 'red', groupId: 'red', ...publishing })
  history.published(one, { ok: true, messageId: messageId as string } as never, 0)
  expect(await leftMessages(world)).toHaveLength(1)
})

test('queues that are empty are drained no longer, unless an actor still works', async () => {
  const world = await newWorld({ ...SETTINGS, faults: {} }, { seed: 1 })
  const { scheduler } = world
  const startedAt = scheduler.now()
  await scheduler.run(drainAll(world))
  expect(scheduler.now() - startedAt).toBeLessThan(1_000)
  const actor = world.newActor('publisher')
  world.aside(actor.process.sleep(20_000), actor)
  await scheduler.run(drainAll(world))
  expect(scheduler.now() - startedAt).toBeGreaterThan(20_000)
  expect(scheduler.now() - startedAt).toBeLessThan(30_000)
})

test('requests that may still be on their way are waited for', async () => {
  const world = await newWorld({ ...SETTINGS, faults: { 'given up, and done late': 0.01 } }, { seed: 1 })
  const startedAt = world.scheduler.now()
  await world.scheduler.run(drainAll(world))
  expect(world.scheduler.now() - startedAt).toBeGreaterThanOrEqual(world.spans.lateMs[1])
})

test('the work of a process that was killed is over', async () => {
  const world = await newWorld({ ...SETTINGS, faults: {} }, { seed: 1 })
  const actor = world.newActor('publisher')
  world.aside(actor.process.sleep(20_000), actor)
  expect(world.isBusy()).toBe(true)
  actor.process.kill()
  await world.scheduler.run(world.scheduler.sleep(1))
  expect(world.isBusy()).toBe(false)
})

test('a group that is full of what nobody acks is waited for', async () => {
  const settings = { ...SETTINGS, faults: {}, settings: { maxInFlightPerGroup: 1 }, spans: { drainMs: 1_000 } }
  const world = await newWorld(settings, { seed: 1 })
  const { engine } = world.newActor('publisher').process
  const messages = ['a', 'b', 'c'].map((body) => ({ body, groupId: 'red' }))
  await world.scheduler.run(publish(engine, 'orders', messages))
  await world.scheduler.run(poll(engine, 'orders', { maxMessages: 1, visibilityTimeoutSeconds: 8 }))
  await world.scheduler.run(drainAll(world))
  expect(await leftMessages(world)).toEqual([])
})
