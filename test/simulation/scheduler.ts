import type { Clock } from '../../lib/clock.ts'
import { START } from '../support/manual-clock.ts'

/**
 * Virtual time. Everything that takes time is an event: a sleep, a request on its way to the store, an answer on its
 * way back. Time moves from one event to the next, and events of one instant happen in an order drawn at random.
 *
 * Between two events, everything that follows from the first one happens. All simulated code runs on promises alone, so the
 * scheduler finds the end of that exactly, without a turn of the event loop: Node runs a `process.nextTick` callback that a
 * microtask queued only once no microtask is left.
 */
export interface Scheduler {
  /** Epoch ms, whole. */
  now(): number
  /** Runs `happen` once `ms` have passed. */
  after(ms: number, happen: () => void): void
  sleep(ms: number): Promise<void>
  /** A clock of the virtual time, for users that are neither killed nor paused. */
  readonly clock: Clock
  /** Lets time pass until the task is done. */
  run<T>(task: Promise<T>): Promise<T>
}

/**
 * @param lot draws the order of events of one instant: 0 to 2²⁰ − 1
 * @param quiet resolves when nothing real is in progress any more; for a store that takes real time
 */
export const scheduler = (lot: () => number, quiet?: () => Promise<void>): Scheduler => {
  const events = eventHeap()
  let now = START

  const after = (ms: number, happen: () => void): void => {
    const at = now + Math.max(0, Math.ceil(ms))
    events.add((at - START) * LOTS + lot(), happen)
  }

  /** Makes the next event happen; answers false when there is none. */
  const next = (): boolean => {
    const at = events.firstAt()
    if (at === undefined) return false
    now = START + Math.floor(at / LOTS)
    events.take()()
    return true
  }

  const sleep = (ms: number): Promise<void> => new Promise((resolve) => after(ms, resolve))

  return {
    now: () => now,
    after,
    sleep,
    clock: {
      now: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve()
          signal?.addEventListener('abort', () => resolve(), { once: true })
          after(ms, resolve)
        }),
    },
    run: (task) =>
      new Promise((resolve, reject) => {
        let done = false
        const finish = () => {
          done = true
        }
        task.then(finish, finish)
        const step = () => {
          if (done) return resolve(task)
          if (!next()) return reject(new Error('the simulation stands still: something waits for what never happens'))
          process.nextTick(again)
        }
        // Queued in a microtask of its own, because a callback that a tick callback queues with `nextTick` would run before any
        // microtask. `queueMicrotask` would make an asynchronous resource for each.
        const settled = Promise.resolve()
        const again = quiet ? () => void quiet().then(step) : () => void settled.then(step)
        process.nextTick(again)
      }),
  }
}

/** The number of lots, which order the events of one instant. A key is an instant and a lot in one whole number below 2⁵³. */
const LOTS = 2 ** 20

/** A binary heap: keys in one array, callbacks in another. */
const eventHeap = () => {
  const keys: number[] = []
  const happenings: (() => void)[] = []

  const rise = (from: number, key: number, happen: () => void): void => {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = keys[parent] as number
      if (above <= key) break
      keys[at] = above
      happenings[at] = happenings[parent] as () => void
      at = parent
    }
    keys[at] = key
    happenings[at] = happen
  }

  /** Fills the place at the top, which is free, with the last event. */
  const sink = (key: number, happen: () => void): void => {
    const { length } = keys
    let at = 0
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && (keys[child + 1] as number) < (keys[child] as number)) child++
      if ((keys[child] as number) >= key) break
      keys[at] = keys[child] as number
      happenings[at] = happenings[child] as () => void
      at = child
    }
    keys[at] = key
    happenings[at] = happen
  }

  return {
    firstAt: (): number | undefined => keys[0],
    add: (key: number, happen: () => void): void => {
      keys.push(key)
      happenings.push(happen)
      rise(keys.length - 1, key, happen)
    },
    /** Removes the first event and returns its callback. The heap must not be empty. */
    take: (): (() => void) => {
      const first = happenings[0] as () => void
      const key = keys.pop() as number
      const happen = happenings.pop() as () => void
      if (keys.length > 0) sink(key, happen)
      return first
    },
  }
}
