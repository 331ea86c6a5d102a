import { createEngine, type Engine } from '../../lib/engine.ts'
import type { EngineEvent } from '../../lib/model/engine-event.ts'
import type { SettingsChange } from '../../lib/model/queue-settings.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { memoryStore } from '../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { seededRandom } from './seeded-random.ts'

export interface TestEngine extends Engine {
  readonly clock: ManualClock
  /** What the engine observed, in order. */
  readonly events: EngineEvent[]
}

/** An engine in memory, on a clock that the test moves, always making the same random choices. */
export const testEngine = ({
  clock = manualClock(),
  store = memoryStore({ clock }),
  seed = 1,
}: {
  clock?: ManualClock
  store?: Store
  seed?: number
} = {}): TestEngine => {
  const events: EngineEvent[] = []
  const engine = createEngine({ store, clock, random: seededRandom(seed), observe: (event) => events.push(event) })
  return { ...engine, clock, events }
}

/** A `testEngine` with a queue named `orders`. */
export const engineWithQueue = async (
  settings: SettingsChange = {},
  parts: Parameters<typeof testEngine>[0] = {},
): Promise<TestEngine> => {
  const engine = testEngine(parts)
  await createQueue(engine, 'orders', { settings })
  return engine
}

/** Another process, which shares only the store and the clock. */
export const anotherProcess = (engine: TestEngine, seed = 2): TestEngine =>
  testEngine({ clock: engine.clock, store: engine.store, seed })
