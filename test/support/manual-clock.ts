import type { Clock } from '../../lib/clock.ts'
import { START } from '../../lib/testing/manual-clock.ts'

export { type ManualClock, manualClock, START, settled } from '../../lib/testing/manual-clock.ts'

/** A clock on which a sleep moves time forward: for one caller at a time, on stores that take real time to answer. */
export const hastyClock = (startAt = START): Clock & { advance(ms: number): void } => {
  let now = startAt
  return {
    now: () => now,
    sleep: async (ms, signal) => {
      if (!signal?.aborted) now += ms
    },
    advance: (ms) => {
      now += ms
    },
  }
}
