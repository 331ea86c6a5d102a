import type { CachedRange } from './cached-ranges.ts'

/**
 * The time in which the cached ranges have nothing for a poll: they follow each other without a gap, and no message in them
 * becomes visible. A poll in that time reads what lies behind them and does not go through the list, unless a check is due.
 */
export interface QuietPeriod {
  /** @param mayCheck whether a check could be paid for */
  includes(now: number, mayCheck: boolean): boolean
  /** Begins anew with the ranges as they are. With a gap between them there is no such period. */
  renew(list: readonly CachedRange[], hasGap: boolean): void
  /** Records that a range was added. */
  add(range: CachedRange, leavesGap: boolean): void
  end(): void
}

export const quietPeriod = (): QuietPeriod => {
  let until = 0
  let nextCheckAt = 0
  return {
    includes: (now, mayCheck) => now < until && (now < nextCheckAt || !mayCheck),
    renew: (list, hasGap) => {
      until = hasGap ? 0 : firstUntil(list)
      nextCheckAt = list.reduce((first, { checkAt }) => Math.min(first, checkAt), Number.POSITIVE_INFINITY)
    },
    add: (range, leavesGap) => {
      until = leavesGap ? 0 : Math.min(until, range.until)
      nextCheckAt = Math.min(nextCheckAt, range.checkAt)
    },
    end: () => {
      until = 0
    },
  }
}

/** When the first message of the ranges becomes visible, epoch ms. */
export const firstUntil = (list: readonly CachedRange[]): number =>
  list.reduce((first, { until }) => Math.min(first, until), Number.POSITIVE_INFINITY)
