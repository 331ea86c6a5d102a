import { createEngine } from '../../../lib/engine.ts'
import { HoldfastError } from '../../../lib/model/errors.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import type { Store } from '../../../lib/store/port.ts'
import { invokeBatch } from '../../../lib/triggers/invoke-batch.ts'
import type { InvokeOutcome } from '../../../lib/triggers/invoker.ts'
import type { Run } from '../../../lib/triggers/run-state.ts'
import { slotsOf } from '../../../lib/triggers/slots.ts'
import { checkedTrigger } from '../../../lib/triggers/trigger.ts'
import { wakeSignal } from '../../../lib/triggers/wake-signal.ts'
import { type Scheduler, scheduler } from '../../simulation/scheduler.ts'
import { type SeededRandom, seededRandom } from '../../support/seeded-random.ts'

/** What happened in races; each kind has to happen for the races to mean anything. */
interface Seen {
  invocations: number
  /** Invocations in a slot that another run had before. */
  takenOver: number
  killed: number
  answersLost: number
  /** Slots that were asked for while none was free. */
  refused: number
}

export interface Race extends Seen {
  /** Most invocations at one time. */
  readonly most: number
}

const TIMEOUT_SECONDS = 10
/** Lambda's own: initialization comes before the timeout. */
const INIT_MS = 10_000
const CLOCKS_OFF_MS = 2_000
/** A run begins up to this long after the first. */
const STARTS_WITHIN_MS = 150_000

/**
 * Two or three runs take slots of one trigger, give them back, die and are paused. Each of their steps waits at each request to
 * the store and each answer, for anything from nothing to far beyond the end of a slot, by the seed. A write may be lost, or its answer, or
 * it is sent twice. The function is throttled, fails, hangs, and its answers are lost.
 */
export const raceForSlots = async (seed: number, maxConcurrency: number): Promise<Race> => {
  const random = seededRandom(seed)
  const time = scheduler(() => random.whole(0, 2 ** 20 - 1))
  const store = memoryStore({ clock: time.clock })
  const seen: Seen = { invocations: 0, takenOver: 0, killed: 0, answersLost: 0, refused: 0 }
  const running = new Set<object>()
  let most = 0
  let last: unknown
  const begin = (run: object): object => {
    const invocation = {}
    running.add(invocation)
    most = Math.max(most, running.size)
    seen.invocations++
    if (last !== undefined && last !== run) seen.takenOver++
    last = run
    return invocation
  }
  const end = (invocation: object) => void running.delete(invocation)
  const actors = Array.from({ length: random.whole(2, 3) }, async () => {
    await time.sleep(random.chance(0.3) ? 0 : random.whole(0, STARTS_WITHIN_MS))
    await raceOnce({ time, random, store, seen, maxConcurrency, begin, end })
  })
  await time.run(Promise.all(actors))
  return { ...seen, most }
}

interface Track {
  readonly time: Scheduler
  readonly random: SeededRandom
  readonly store: Store
  readonly seen: Seen
  readonly maxConcurrency: number
  begin(run: object): object
  end(invocation: object): void
}

/** One run: a few invocations, as the dispatcher makes them, each in a slot. */
const raceOnce = async (track: Track): Promise<void> => {
  const { time, random, seen, maxConcurrency } = track
  const died = dying(track)
  const offMs = random.whole(-CLOCKS_OFF_MS, CLOCKS_OFF_MS)
  const clock = { ...time.clock, now: () => time.now() + offMs }
  const engine = createEngine({ store: racing(track, died.step), clock, random })
  const trigger = checkedTrigger({
    queue: 'orders',
    functionName: 'function',
    functionTimeoutSeconds: TIMEOUT_SECONDS,
    maxConcurrency,
  })
  const work = async (): Promise<void> => {
    const runId = `run ${random.whole(0, 2 ** 31)}`
    const slots = await orNothing(slotsOf(engine, trigger.queue, runId))
    if (!slots) return
    const run = {
      engine,
      options: { queue: trigger.queue, invoker: { invoke: () => invocation(track, died.step, slots) } },
      observe: () => {},
      slots,
      wakeUp: wakeSignal(clock),
      claiming: new AbortController(),
      underWay: new Set<Promise<void>>(),
      throttle: { delayMs: 0, tryAt: 0 },
    } as unknown as Run
    for (let attempts = random.whole(1, 5); attempts > 0; attempts--) {
      const slot = await orNothing(slots.acquire(maxConcurrency, TIMEOUT_SECONDS * 1_000))
      if (!slot) seen.refused++
      // The claim of a batch, or the wait for a slot.
      await died.step(slot ? pauseMs(random) : random.whole(500, 30_000))
      if (slot) invokeBatch(run, trigger, slot, { messages: [], unmatched: [], found: true })
    }
    const release = () => orNothing(slots.release())
    await Promise.all([release(), ...[...run.underWay].map((one) => one.then(release))])
  }
  await Promise.race([work(), died.dead])
}

type Step = (ms: number) => Promise<void>

/** A run that dies, maybe: then no step of it ever goes on. */
const dying = ({ time, random, seen }: Track): { readonly step: Step; readonly dead: Promise<void> } => {
  let isAlive = true
  const diesAfterMs = random.chance(0.4) ? random.whole(0, 120_000) : undefined
  const dead = new Promise<void>((resolve) => {
    if (diesAfterMs === undefined) return
    time.after(diesAfterMs, () => {
      isAlive = false
      seen.killed++
      resolve()
    })
  })
  const step: Step = (ms) =>
    new Promise((resolve) => {
      time.after(ms, () => {
        if (isAlive) resolve()
      })
    })
  return { step, dead }
}

/** Mostly none to speak of; now and then beyond the end of a lease, a slot or a run. */
const pauseMs = (random: SeededRandom): number => (random.chance(0.9) ? random.whole(0, 20) : random.whole(0, 150_000))

/** A store whose requests and answers take their time, get lost, and are sent twice. */
const racing = ({ random, store }: Track, step: Step): Store => {
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    await step(pauseMs(random))
    const lot = random.fraction()
    if (lot < 0.05) throw new HoldfastError('StoreUnavailable', 'the request was lost')
    const answer = await work()
    const last = lot < 0.1 ? await work() : answer
    await step(pauseMs(random))
    if (lot > 0.95) throw new HoldfastError('StoreUnavailable', 'the answer was lost')
    return last
  }
  return {
    ...store,
    getDocument: (key, options) => slowly(() => store.getDocument(key, options)),
    listDocuments: (query) => slowly(() => store.listDocuments(query)),
    transact: (writes) => slowly(() => store.transact(writes)),
  }
}

/** Runs the function once. It goes on when its caller is dead. */
const invocation = async (
  { time, random, seen, begin, end }: Track,
  step: Step,
  run: object,
): Promise<InvokeOutcome> => {
  const lot = random.fraction()
  await time.sleep(random.whole(0, 1_000))
  if (lot < 0.1) return { kind: 'not-run', reason: 'throttled', error: 'throttled' }
  const one = begin(run)
  const ranMs = random.chance(0.2) ? TIMEOUT_SECONDS * 1_000 : random.whole(1, 3_000)
  const ended = time.sleep(random.whole(0, INIT_MS) + ranMs).then(() => end(one))
  if (lot < 0.3) {
    seen.answersLost++
    await step(random.whole(0, 40_000))
    return { kind: 'unknown', error: 'the answer was lost' }
  }
  await ended
  await step(pauseMs(random))
  return { kind: 'answered', failed: new Set() }
}

const orNothing = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (error instanceof HoldfastError) return undefined
    throw error
  }
}
