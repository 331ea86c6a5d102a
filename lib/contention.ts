/**
 * How many others seem to poll the same place, learned from lost races alone (additive decrease, multiplicative
 * increase): 1 when alone, about the number of competing pollers when there are many.
 *
 * A poller that is alone takes the head of the queue, in order. One among many reads a window `pressure` times what
 * it wants and takes a random part of it, since a lost race costs a write unit and a header read about a fortieth.
 */
export interface Contention {
  readonly pressure: number
  /** Takes note of the claims of one look. */
  saw(outcome: { won: number; lost: number }): void
}

const MOST = 64
const EASE = 0.95
/** Losing fewer claims than this is cheaper than reading a larger window. */
const BEARABLE_LOSS = 0.15

export const contention = (): Contention => {
  let pressure = 1
  return {
    get pressure() {
      return pressure
    },
    saw: ({ won, lost }) => {
      if (won + lost === 0) return
      const loss = lost / (won + lost)
      if (loss > BEARABLE_LOSS) pressure = Math.min(MOST, pressure * (1 + loss))
      else if (lost === 0) pressure = Math.max(1, pressure * EASE)
    },
  }
}
