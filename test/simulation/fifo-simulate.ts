import { groupHash, groupPartition, isYoung } from '../../lib/model/group.ts'
import { partitionOf } from '../../lib/model/queue-record.ts'
import { updateQueue } from '../../lib/queues/queues.ts'
import { readQueue } from '../../lib/queues/read-queue.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Simulation, simulation } from '../support/simulation.ts'
import { ackTogether, canceller, consumer, delayChanger, employ, publisher, receive } from './fifo-actors.ts'
import { DEAD, type GroupWorld, type GroupWorldSettings, newGroupWorld, QUEUE } from './fifo-world.ts'

export interface GroupCast {
  readonly publishers: number
  readonly consumers: number
  readonly cancellers: number
  /** Simulated time during which they work. */
  readonly ms: number
  /** Simulated time in which everything must come, once nothing fails any more. */
  readonly drainMs: number
}

/** Leases, extensions and rests end, what a crashed poller marked, and what is missed for seconds: then all must be there. */
export const GROUP_CAST: GroupCast = { publishers: 3, consumers: 4, cancellers: 1, ms: 12_000, drainMs: 24_000 }

/** Fewer would prove nothing. */
const FEWEST_RECEIVES = 25

/** Lets all of them work while things fail, then empties the queues. Answers what went against the promises. */
export const simulateGroups = async (
  settings: GroupWorldSettings,
  cast: GroupCast,
  { storeOn = (clock) => memoryStore({ clock }), quiet }: StoreChoice = {},
): Promise<string[]> => {
  const random = seededRandom(settings.seed)
  const world = simulation(random, quiet)
  const store = await storeOn(world.clock())
  const groups = await newGroupWorld(settings, { store, simulation: world, random })
  return world.run(play(groups, cast))
}

export interface StoreChoice {
  readonly storeOn?: (clock: ReturnType<Simulation['clock']>) => Store | Promise<Store>
  /** For a store that takes real time; see `simulation`. */
  readonly quiet?: () => Promise<void>
}

const play = async (world: GroupWorld, cast: GroupCast): Promise<string[]> => {
  const { simulation: time, history, random, settings } = world
  const endAt = time.now() + cast.ms
  const offBy = settings.publishersOffByMs ?? 0
  const works = [
    ...Array.from({ length: cast.publishers }, () => employ(world, endAt, random.whole(-offBy, offBy), publisher)),
    ...Array.from({ length: cast.consumers }, () => employ(world, endAt, 0, consumer)),
    ...Array.from({ length: cast.cancellers }, () => employ(world, endAt, 0, canceller)),
    ...(settings.delaySeconds ? [employ(world, endAt, 0, delayChanger)] : []),
  ]
  await Promise.all(works)
  world.calm()
  if (settings.delaySeconds) await updateQueue(world.newProcess().engine, QUEUE, { settings: { delaySeconds: 0 } })
  const drainedAt = time.now() + cast.drainMs
  await Promise.all([QUEUE, QUEUE, QUEUE, DEAD].map((queue) => drain(world, queue, drainedAt)))
  return [
    ...(history.deliveries.length < FEWEST_RECEIVES ? ['next to nothing was received'] : []),
    ...history.violations(),
    ...history.waiting().map((messageId) => `not received in time: ${messageId}`),
    ...(await leftOver(world, QUEUE)),
    ...(await leftOver(world, DEAD)),
  ]
}

const drain = async (world: GroupWorld, queue: string, until: number): Promise<void> => {
  const process = world.newProcess()
  while (world.simulation.now() < until) {
    await ackTogether(world, process, await receive(world, process, queue, 25, 4, 1))
  }
}

/**
 * At rest there is neither a ticket without messages nor a message without a ticket: both are gone with the last, but
 * for tickets that only keep a number which a fast clock gave, until that is in the past.
 */
const leftOver = async ({ store, groups, simulation: { now: clock } }: GroupWorld, name: string): Promise<string[]> => {
  const now = Math.floor(clock())
  const queue = await readQueue(store, name, { consistent: true })
  if (!queue) throw new Error(`no queue ${name}`)
  const partition = partitionOf(queue, 0)
  const { tickets } = await store.tickets({ partition, from: '0', to: '~', limit: 100 })
  const pages = await Promise.all(
    groups.map((group) =>
      store.headers({
        partition: groupPartition(queue, groupHash(group)),
        from: '0',
        to: '~',
        limit: 100,
        consistent: true,
      }),
    ),
  )
  return [
    ...tickets
      .filter(({ lastSequence }) => !isYoung(lastSequence, now))
      .map(({ group }) => `a ticket is left in ${name} for ${group}`),
    ...pages.flatMap(({ segments }) => segments.map(({ key }) => `a segment is left in ${name}: ${key.sort}`)),
  ]
}
