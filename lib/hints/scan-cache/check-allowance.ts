/**
 * The number of headers that polls may read in checks. Each poll and each millisecond add a little, so that a poll costs about
 * the same however much is in flight. Where more checks are due than the allowance pays for, each of them waits longer.
 */
export interface CheckAllowance {
  /** Whether a check can be paid for. */
  readonly isEnough: boolean
  /** Adds to the allowance at the start of a poll. */
  refill(now: number): void
  /** Pays for a check of a range with so many headers. Returns how many of them the check may read. */
  pay(headers: number): number
}

const PER_POLL = 3
const PER_MS = 0.03
const MAX_HEADERS = 64
/** A Query costs at least as much as this many headers. */
const MIN_CHECKED = 14

export const checkAllowance = (): CheckAllowance => {
  let allowed = MAX_HEADERS
  let polledAt = Number.POSITIVE_INFINITY
  return {
    get isEnough() {
      return allowed >= MIN_CHECKED
    },
    refill: (now) => {
      allowed = Math.min(MAX_HEADERS, allowed + PER_POLL + Math.max(0, now - polledAt) * PER_MS)
      polledAt = now
    },
    pay: (headers) => {
      const paid = Math.max(MIN_CHECKED, Math.min(headers, Math.floor(allowed)))
      allowed -= paid
      return paid
    },
  }
}
