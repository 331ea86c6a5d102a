import type { Clock } from '../../lib/clock.ts'
import type { Store } from '../../lib/store/port.ts'
import { START, settled } from './manual-clock.ts'
import type { SeededRandom } from './seeded-random.ts'

/**
 * A world whose time passes from one event to the next: what sleeps, what travels to the store and what comes back are
 * events, and those of one instant happen in an order drawn at random. The same seed gives the same world.
 */
export interface Simulation {
  readonly random: SeededRandom
  now(): number
  /** The clock of one process, which may be off. */
  clock(offBy?: number): Clock
  sleep(ms: number): Promise<void>
  /** Lets time pass until the task is done. */
  run<T>(task: Promise<T>): Promise<T>
}

interface Event {
  readonly at: number
  /** Decides among events of one instant. */
  readonly lot: number
  happen(): void
  cancelled: boolean
}

/** @param quiet resolves when all that can happen without time passing has happened; there may be a real database in it */
export const simulation = (random: SeededRandom, quiet: () => Promise<void> = settled): Simulation => {
  let now = START
  const events = eventQueue()

  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const event: Event = { at: now + Math.max(0, ms), lot: random.fraction(), happen: resolve, cancelled: false }
      signal?.addEventListener(
        'abort',
        () => {
          event.cancelled = true
          resolve()
        },
        { once: true },
      )
      events.add(event)
    })

  return {
    random,
    now: () => now,
    clock: (offBy = 0) => ({ now: () => Math.floor(now) + offBy, sleep }),
    sleep: (ms) => sleep(ms),
    run: async (task) => {
      let done = false
      const finish = () => {
        done = true
      }
      task.then(finish, finish)
      for (;;) {
        await quiet()
        if (done) return task
        const next = events.next()
        if (!next) throw new Error('the simulation came to a standstill: something waits for what never happens')
        now = Math.max(now, next.at)
        next.happen()
      }
    },
  }
}

/** A binary heap. */
const eventQueue = () => {
  const heap: Event[] = []
  const before = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.lot < b.lot)
  const swap = (i: number, j: number) => {
    const event = heap[i] as Event
    heap[i] = heap[j] as Event
    heap[j] = event
  }
  const pop = (): Event | undefined => {
    const top = heap[0]
    const last = heap.pop()
    if (!top || !last || heap.length === 0) return top
    heap[0] = last
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let least = at
      if (left < heap.length && before(heap[left] as Event, heap[least] as Event)) least = left
      if (right < heap.length && before(heap[right] as Event, heap[least] as Event)) least = right
      if (least === at) return top
      swap(at, least)
      at = least
    }
  }
  return {
    add: (event: Event) => {
      heap.push(event)
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1
        if (!before(heap[at] as Event, heap[parent] as Event)) break
        swap(at, parent)
        at = parent
      }
    },
    next: () => {
      let event = pop()
      while (event?.cancelled) event = pop()
      return event
    },
  }
}

/**
 * The store with a replica that follows it at a distance: reads that need not be consistent are answered by either.
 * Both must be stores whose operations take effect when they are called, as those in memory do.
 */
export const withReplica = (
  primary: Store,
  replica: Store,
  { now, lagMs, stale }: { now: () => number; lagMs: () => number; stale: () => boolean },
): Store => {
  const log: { readonly at: number; apply(): unknown }[] = []

  const replay = <T>(done: Promise<T>, apply: () => unknown): Promise<T> => {
    // In the order of the writes: a later one is never seen before an earlier one.
    log.push({ at: Math.max(now() + lagMs(), log.at(-1)?.at ?? 0), apply })
    return done
  }
  const reader = (consistent: boolean | undefined): Store => {
    if (consistent || !stale()) return primary
    while (log[0] && log[0].at <= now()) log.shift()?.apply()
    return replica
  }

  return {
    ...primary,
    insert: (segment) => replay(primary.insert(segment), () => replica.insert(segment)),
    change: (changes) => replay(primary.change(changes), () => replica.change(changes)),
    claim: (claims) => replay(primary.claim(claims), () => replica.claim(claims)),
    transact: (writes) => replay(primary.transact(writes), () => replica.transact(writes)),
    headers: (range) => reader(range.consistent).headers(range),
    getDocument: (key, options) => reader(options?.consistent).getDocument(key, options),
    listDocuments: (query) => reader(query.consistent).listDocuments(query),
  }
}
