import { createEngine, type Engine } from '../../lib/engine.ts'
import type { EngineEvent } from '../../lib/model/engine-event.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { type RandomStream, randomStream } from '../../test/simulation/random-stream.ts'
import { type Scheduler, scheduler } from '../../test/simulation/scheduler.ts'
import { chargedStore } from './charged-store.ts'
import { type Meter, newMeter } from './meter.ts'
import { HEAT_WINDOW_MS, ON_DEMAND, type PhysicalTable, physicalTable, type TableRules } from './physical-table.ts'
import { SDK, type SdkRules } from './sdk-retries.ts'
import { segmentCosts } from './units.ts'

export interface WorldParts {
  readonly seed: number
  readonly table?: Partial<TableRules>
  readonly sdk?: Partial<SdkRules>
  readonly observe?: (event: EngineEvent, now: number) => void
}

/** Processes with engines of their own on one table, in virtual time. */
export interface World {
  readonly scheduler: Scheduler
  readonly table: PhysicalTable
  readonly meter: Meter
  readonly random: RandomStream
  /** Without the table's limits and latency, to prepare what is not measured. */
  readonly store: Store
  readonly setup: Engine
  process(): Engine
  /** Seconds of virtual time since the start. */
  seconds(): number
}

export const newWorld = ({ seed, table: rules, sdk, observe = () => {} }: WorldParts): World => {
  const random = randomStream(seed)
  const time = scheduler(() => random.bits() >>> 12)
  const startAt = time.now()
  const table = physicalTable({ ...ON_DEMAND, ...rules }, startAt)
  const meter = newMeter(startAt)
  const store = memoryStore({ clock: time.clock })
  const network = {
    scheduler: time,
    table,
    store,
    costs: segmentCosts(),
    meter,
    latency: () => halfTrip(random),
    fraction: random.fraction,
    sdk: { ...SDK, ...sdk },
  }
  const settle = (): void => {
    table.settle()
    time.after(HEAT_WINDOW_MS, settle)
  }
  time.after(HEAT_WINDOW_MS, settle)
  return {
    scheduler: time,
    table,
    meter,
    random,
    store,
    setup: createEngine({ store, clock: time.clock, random }),
    process: () =>
      createEngine({
        store: chargedStore(network),
        clock: time.clock,
        random,
        observe: (event) => observe(event, time.now()),
      }),
    seconds: () => (time.now() - startAt) / 1_000,
  }
}

/** A request takes 5 ms there and back, as a median; one in fifty much longer. */
const halfTrip = (random: RandomStream): number => {
  const word = random.bits()
  return (word & 0xff) < 3 ? 10 + ((word >>> 8) % 40) : 1 + ((word >>> 8) % 4)
}
