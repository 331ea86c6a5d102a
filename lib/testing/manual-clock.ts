import type { Clock } from '../clock.ts'

/** 2026-03-01T12:00:00Z: where the clocks of tests start. */
export const START = 1_772_366_400_000

export interface ManualClock extends Clock {
  /** Moves time on. Sleepers wake at their times, in order, and all that follows at once from each is done before the next. */
  advance(ms: number): Promise<void>
  /** Sleeps under way. */
  sleeping(): number
}

interface Sleeper {
  readonly wakesAt: number
  wake(): void
}

/** A clock that stands still until the test moves it. */
export const manualClock = (startAt = START): ManualClock => {
  let now = startAt
  const sleepers = new Set<Sleeper>()
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleeper: Sleeper = {
          wakesAt: now + ms,
          wake: () => {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          },
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      }),
    advance: async (ms) => {
      const until = now + ms
      await settled()
      for (let next = first(sleepers); next && next.wakesAt <= until; next = first(sleepers)) {
        now = Math.max(now, next.wakesAt)
        next.wake()
        await settled()
      }
      now = until
      await settled()
    },
    sleeping: () => sleepers.size,
  }
}

const first = (sleepers: ReadonlySet<Sleeper>): Sleeper | undefined =>
  [...sleepers].reduce<Sleeper | undefined>((a, b) => (a && a.wakesAt <= b.wakesAt ? a : b), undefined)

/** Resolves when all that can happen without time passing or input has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
