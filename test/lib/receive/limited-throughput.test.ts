import { expect, test } from 'vitest'
import { createEngine } from '../../../lib/engine.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { ack } from '../../../lib/settle/ack.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const ROUND_TRIP_MS = 5
const MESSAGES = 40

/** A store at this distance. */
const distant = (store: Store, clock: ManualClock): Store =>
  Object.fromEntries(
    Object.entries(store).map(([name, request]) => [
      name,
      async (...input: unknown[]) => {
        await clock.sleep(ROUND_TRIP_MS)
        return request(...input)
      },
    ]),
  ) as unknown as Store

/** How many messages a second processes with a poller each drain groups that may have one message in flight. */
const drained = async (groups: number, pollers: number, workMs: number): Promise<number> => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const setup = createEngine({ store, clock, random: seededRandom(9) })
  await createQueue(setup, 'orders', { settings: { maxInFlightPerGroup: 1 } })
  for (let n = 0; n < MESSAGES; n++) await publish(setup, 'orders', [{ body: n, groupId: `group-${n % groups}` }])
  const startedAt = clock.now()
  let left = MESSAGES
  let endedAt = startedAt
  const work = async (seed: number): Promise<void> => {
    const engine = createEngine({ store: distant(store, clock), clock, random: seededRandom(seed) })
    while (left > 0) {
      const messages = await poll(engine, 'orders', { waitTimeSeconds: 1 })
      if (messages.length === 0) continue
      await clock.sleep(workMs)
      await ack(
        engine,
        'orders',
        messages.map(({ receiptHandle }) => receiptHandle),
      )
      left -= messages.length
      endedAt = clock.now()
    }
  }
  let isDone = false
  void Promise.all(Array.from({ length: pollers }, (_, seed) => work(seed + 1))).then(() => {
    isDone = true
  })
  while (!isDone) await clock.advance(1)
  return (MESSAGES * 1_000) / (endedAt - startedAt)
}

// A poll that loses a group to another one does not wait a second while other groups are free, nor once the group is free again.
test.each([
  [1, 1, 0, 25],
  [1, 2, 0, 25],
  [2, 2, 0, 50],
  [2, 2, 50, 20],
  [2, 2, 200, 8],
])(
  'with a limit of one: %i groups, %i pollers with %i ms of work, at least %i messages a second',
  async (groups, pollers, workMs, atLeast) => {
    expect(await drained(groups, pollers, workMs)).toBeGreaterThan(atLeast)
  },
)
