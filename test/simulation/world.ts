import { createEngine, type Engine } from '../../lib/engine.ts'
import { encodeMessageId } from '../../lib/model/message-id.ts'
import type { SettingsChange } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/queues.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { type Fate, faultyStore, type StoreCall } from '../support/faulty-store.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'
import { type Simulation, simulation, withReplica } from '../support/simulation.ts'
import { type History, history } from './history.ts'

/** How often requests to the store fail, and how; probabilities. */
export interface Faults {
  readonly refused: number
  readonly unreachable: number
  readonly unanswered: number
  readonly repeated: number
  readonly crashed: number
  /** Reads that need not be consistent and are answered by the replica. */
  readonly stale: number
}

export const NO_FAULTS: Faults = { refused: 0, unreachable: 0, unanswered: 0, repeated: 0, crashed: 0, stale: 0 }
export const SOME_FAULTS: Faults = {
  refused: 0.02,
  unreachable: 0.01,
  unanswered: 0.03,
  repeated: 0.03,
  crashed: 0.002,
  stale: 0.4,
}

export interface WorldSettings {
  readonly seed: number
  readonly settings?: SettingsChange
  readonly faults?: Faults
  /** Clocks of processes are off by up to this much, either way. */
  readonly clocksDifferMs?: number
  /** Wraps the store below all faults: planted bugs. */
  readonly plant?: (store: Store) => Store
}

/** A process: an engine of its own on the shared store. Never answers again once it crashed. */
export interface Process {
  readonly engine: Engine
  readonly crashed: Promise<void>
}

export interface World {
  readonly simulation: Simulation
  readonly random: SeededRandom
  readonly history: History
  readonly store: Store
  readonly maxReceives: number | undefined
  newProcess(): Process
  /** From now on nothing fails. */
  calm(): void
}

export const QUEUE = 'orders'
export const DEAD = 'orders-dead'

export const newWorld = async ({
  seed,
  settings = {},
  faults = NO_FAULTS,
  clocksDifferMs = 0,
  plant = (store) => store,
}: WorldSettings): Promise<World> => {
  const random = seededRandom(seed)
  const world = simulation(random)
  const maxReceives = settings.deadLetter?.maxReceives
  const seen = history({ maxReceives })
  let calm = false

  const clock = world.clock()
  const inserts = new Map<string, number>()
  const primary = countingInserts(plant(memoryStore({ clock })), inserts, (messageId) => seen.repeated(messageId))
  const store = withReplica(primary, plant(memoryStore({ clock })), {
    now: world.now,
    lagMs: () => random.whole(0, 400),
    stale: () => !calm && random.chance(faults.stale),
  })

  const newProcess = (): Process => {
    let crash = () => {}
    const crashed = new Promise<void>((resolve) => {
      crash = resolve
    })
    const onTheWay = () => world.sleep(random.chance(0.05) ? random.whole(20, 400) : random.whole(1, 12))
    const fateOf = async (call: StoreCall): Promise<Fate> => {
      await onTheWay()
      const fate = calm ? 'done' : drawn(random, faults, call)
      if (fate === 'crashed-before' || fate === 'crashed-after') crash()
      return fate
    }
    const engine = createEngine({
      store: faultyStore(store, { fateOf, answering: onTheWay }),
      clock: world.clock(random.whole(-clocksDifferMs, clocksDifferMs)),
      random: seededRandom(random.whole(0, 2 ** 31)),
    })
    return { engine, crashed }
  }

  const setup = createEngine({ store, clock, random })
  if (settings.deadLetter) await createQueue(setup, DEAD)
  await createQueue(setup, QUEUE, { settings })
  return {
    simulation: world,
    random,
    history: seen,
    store,
    maxReceives,
    newProcess,
    calm: () => {
      calm = true
    },
  }
}

const drawn = (random: SeededRandom, faults: Faults, { operation }: StoreCall): Fate => {
  let lot = random.fraction()
  const reads = operation === 'headers' || operation === 'read' || operation === 'getDocument'
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

/**
 * A put that is sent again after its answer was lost finds its own segment, unless that was received, acked and
 * deleted in between: then its messages come a second time. At-least-once means this, and the judgement allows it.
 */
const countingInserts = (store: Store, inserts: Map<string, number>, repeated: (messageId: string) => void): Store => ({
  ...store,
  insert: async (segment) => {
    const outcome = store.insert(segment)
    if ((await outcome) === 'inserted') {
      const { key, slots } = segment.segment
      const before = inserts.get(key.sort) ?? 0
      inserts.set(key.sort, before + 1)
      if (before > 0) for (const index of slots.keys()) repeated(encodeMessageId(key, index))
    }
    return outcome
  },
})
