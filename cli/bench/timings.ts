/** How long the calls of one kind took. */
export interface Timings {
  /** Runs a call, and measures it if it succeeds. */
  measure<T>(call: () => Promise<T>): Promise<T>
  readonly calls: number
  /** The latency that this share of the calls did not exceed, ms; 0 without calls. */
  quantile(share: number): number
}

/** @param now a clock that never jumps, ms */
export const createTimings = (now: () => number): Timings => {
  const taken: number[] = []
  return {
    measure: async (call) => {
      const startedAt = now()
      const answer = await call()
      taken.push(now() - startedAt)
      return answer
    },
    get calls() {
      return taken.length
    },
    quantile: (share) => {
      const sorted = taken.toSorted((a, b) => a - b)
      return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
    },
  }
}
