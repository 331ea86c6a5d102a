import { expect, test } from 'vitest'
import { DEFAULT_FIFO, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { nextDue } from '../../../lib/triggers/next-due.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { testEngine } from '../../support/test-engine.ts'

const SOON_MS = 10_000
const NOTHING = { at: Number.POSITIVE_INFINITY, left: false }

/** A queue, and the reads that were not consistent. */
const rig = async (settings: SettingsChange = {}, name = 'orders') => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const lagging: string[] = []
  const watched = new Proxy(store, {
    get: (target, operation: keyof Store) => {
      const work = target[operation] as (...input: readonly unknown[]) => Promise<unknown>
      if (operation !== 'headers' && operation !== 'tickets') return work.bind(target)
      return (range: { consistent?: boolean }) => {
        if (!range.consistent) lagging.push(operation)
        return work.call(target, range)
      }
    },
  })
  const engine = testEngine({ clock, store: watched })
  await createQueue(engine, name, { settings })
  const look = () => {
    lagging.length = 0
    return nextDue(engine, name, clock.now() + SOON_MS)
  }
  return { engine, clock, name, look, lagging }
}

test('an empty queue, and one that does not exist, have nothing due', async () => {
  const { engine, clock, look } = await rig()
  expect(await look()).toEqual(NOTHING)
  expect(await nextDue(engine, 'absent', clock.now())).toEqual(NOTHING)
})

test.each([
  ['of a shard', {}, {}],
  ['of the last shard and priority', { shards: 3, priorities: 4 }, { priority: 3 }],
  ['of a fair group', {}, { groupId: 'a' }],
] as const)('a message %s is due when it is published, in reads that see every write', async (_, settings, message) => {
  const { engine, clock, name, look, lagging } = await rig(settings)
  await publish(engine, name, [{ body: 1, ...message }])
  expect(await look()).toEqual({ at: clock.now(), left: true })
  expect(lagging).toEqual([])
})

test('all that is far off is read consistently too', async () => {
  const { engine, clock, name, look, lagging } = await rig({ shards: 2, priorities: 2 })
  await publish(engine, name, [{ body: 1, delaySeconds: 600 }])
  await publish(engine, name, [{ body: 2, delaySeconds: 300, priority: 1 }])
  expect(await look()).toEqual({ at: clock.now() + 300_000, left: true })
  expect(lagging).toEqual([])
})

test('what is leased is due when its lease ends', async () => {
  const { engine, clock, name, look } = await rig()
  await publish(engine, name, [{ body: 1 }])
  await poll(engine, name, { visibilityTimeoutSeconds: 120 })
  expect(await look()).toEqual({ at: clock.now() + 120_000, left: true })
})

test('a purged message is not due', async () => {
  const { engine, clock, name, look } = await rig()
  await publish(engine, name, [{ body: 1 }])
  await clock.advance(1)
  await purgeQueue(engine, name)
  expect(await look()).toEqual(NOTHING)
})

test('in a FIFO group what is behind a leased or failed message waits with it', async () => {
  const { engine, clock, name, look, lagging } = await rig({ fifo: DEFAULT_FIFO }, 'orders.fifo')
  await publish(engine, name, [
    { body: 1, groupId: 'a', deduplicationId: '1' },
    { body: 2, groupId: 'a', deduplicationId: '2' },
  ])
  expect(await look()).toEqual({ at: clock.now(), left: true })
  expect(lagging).toEqual([])
  const [first] = await poll(engine, name, { visibilityTimeoutSeconds: 120 })
  expect(await look()).toEqual({ at: clock.now() + 120_000, left: true })
  await nack(engine, name, [{ receiptHandle: first?.receiptHandle ?? '', delaySeconds: 60 }])
  expect(await look()).toEqual({ at: clock.now() + 60_000, left: true })
})
