import { createEngine, type Engine } from '../../lib/engine.ts'
import type { SettingsChange } from '../../lib/model/queue-settings.ts'
import { sortRightBehind } from '../../lib/model/segment-key.ts'
import { createQueue } from '../../lib/queues/queues.ts'
import type { Store, TicketPage } from '../../lib/store/port.ts'
import { type Fate, faultyStore, type StoreCall } from '../support/faulty-store.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'
import type { Simulation } from '../support/simulation.ts'
import { type GroupHistory, groupHistory } from './fifo-history.ts'
import type { Faults, Process } from './world.ts'

export interface GroupWorldSettings {
  readonly seed: number
  readonly faults: Faults
  readonly settings?: SettingsChange
  /** Clocks of publishers are off by up to this much, either way. */
  readonly publishersOffByMs?: number
  /** Delays that the queue is given in turn, seconds. */
  readonly delaySeconds?: readonly number[]
  /** Leases that consumers ask for, seconds. */
  readonly leaseSeconds?: readonly [least: number, most: number]
  /** Consumers always answer, and at once: nothing ever waits for a lease to end. */
  readonly diligent?: boolean
}

export interface GroupWorld {
  readonly settings: GroupWorldSettings
  readonly simulation: Simulation
  readonly random: SeededRandom
  readonly history: GroupHistory
  /** Below all faults. */
  readonly store: Store
  readonly groups: readonly string[]
  newProcess(offByMs?: number): Process & { readonly engine: Engine }
  /** From now on nothing fails. */
  calm(): void
}

export const QUEUE = 'orders.fifo'
export const DEAD = 'orders-dead.fifo'

/** A FIFO queue on a store that loses answers, is torn and stale where it may be, and takes its time. */
export const newGroupWorld = async (
  settings: GroupWorldSettings,
  { store, simulation, random }: { store: Store; simulation: Simulation; random: SeededRandom },
): Promise<GroupWorld> => {
  const { faults } = settings
  let calm = false
  const shared = staleTickets(
    tornReads(store, simulation, random),
    simulation,
    () => !calm && random.chance(faults.stale),
  )

  const newProcess = (offByMs = 0) => {
    let crash = () => {}
    const crashed = new Promise<void>((resolve) => {
      crash = resolve
    })
    const onTheWay = () => simulation.sleep(random.chance(0.05) ? random.whole(20, 400) : random.whole(1, 12))
    const fateOf = async ({ operation }: StoreCall): Promise<Fate> => {
      await onTheWay()
      const fate = calm ? 'done' : drawn(random, faults, operation)
      if (fate === 'crashed-before' || fate === 'crashed-after') crash()
      return fate
    }
    const engine = createEngine({
      store: faultyStore(shared, { fateOf, answering: onTheWay }),
      clock: simulation.clock(offByMs),
      random: seededRandom(random.whole(0, 2 ** 31)),
    })
    return { engine, crashed }
  }

  const setup = createEngine({ store, clock: simulation.clock(), random })
  const fifo = { contentBasedDeduplication: false, deduplicationScope: 'queue', throughputLimit: 'perQueue' } as const
  await createQueue(setup, DEAD, { settings: { fifo } })
  await createQueue(setup, QUEUE, { settings: { fifo, ...settings.settings } })
  return {
    settings,
    simulation,
    random,
    history: groupHistory({
      now: simulation.now,
      maxReceives: settings.settings?.deadLetter?.maxReceives,
      numbersRise: (settings.publishersOffByMs ?? 0) < 2_000,
    }),
    store,
    groups: ['red', 'green', 'blue', 'white'],
    newProcess,
    calm: () => {
      calm = true
    },
  }
}

const READS = new Set<StoreCall['operation']>(['headers', 'read', 'getDocument', 'tickets'])

const drawn = (random: SeededRandom, faults: Faults, operation: StoreCall['operation']): Fate => {
  let lot = random.fraction()
  const reads = READS.has(operation)
  for (const [fate, probability] of [
    ['refused', faults.refused],
    ['unreachable', faults.unreachable],
    ['unanswered', reads ? 0 : faults.unanswered],
    ['repeated', reads ? 0 : faults.repeated],
    ['crashed-before', faults.crashed / 2],
    ['crashed-after', faults.crashed / 2],
  ] as const) {
    if (lot < probability) return fate
    lot -= probability
  }
  return 'done'
}

/** A Query reads item after item, and writes may come in between. */
const tornReads = (store: Store, simulation: Simulation, random: SeededRandom): Store => ({
  ...store,
  headers: async (range) => {
    if (!random.chance(0.3)) return store.headers(range)
    const first = await store.headers({ ...range, limit: random.whole(1, 3) })
    const last = first.segments.at(-1)
    if (!first.more || !last || first.segments.length >= range.limit) return first
    await simulation.sleep(random.whole(1, 30))
    const from = sortRightBehind(last.key.sort)
    const rest = await store.headers({ ...range, from, limit: range.limit - first.segments.length })
    return { segments: [...first.segments, ...rest.segments], more: rest.more }
  },
})

const STALE_MS = 1_000

/** What tickets are read, eventually consistently, may be what they were a moment ago. */
const staleTickets = (store: Store, simulation: Simulation, stale: () => boolean): Store => {
  const read = new Map<string, { at: number; page: TicketPage }>()
  return {
    ...store,
    tickets: async (range) => {
      const name = `${range.partition.queue} ${range.partition.shard} ${range.from} ${range.to} ${range.limit}`
      const before = read.get(name)
      if (before && simulation.now() - before.at < STALE_MS && stale()) return before.page
      const page = await store.tickets(range)
      read.set(name, { at: simulation.now(), page })
      return page
    },
  }
}
