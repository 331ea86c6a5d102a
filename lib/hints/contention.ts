/**
 * An estimate of how many pollers compete at a scan target, learned from lost claims only: 1 for a single poller, about the
 * number of pollers when there are many.
 *
 * A single poller claims the head of the queue, in order. One poller of many reads `pressure` times as many messages as it wants
 * and claims a random part of them, because a lost claim costs a write unit, and reading a header about a fortieth of that.
 * When fewer messages are left, the poller waits a random time before it claims one.
 */
export interface Contention {
  readonly pressure: number
  /** Records the outcomes of one scan's claims. */
  observe(outcome: { won: number; lost: number }): void
  /** Records that no other poller claimed messages that were left for long enough. */
  observeIdle(): void
}

const MAX_PRESSURE = 64
/**
 * A scan multiplies the pressure by `GROWTH` when it lost all its claims, and by `DECAY` when it won all of them. Between the two the
 * lost part is the exponent of `GROWTH`, and the won part that of `DECAY`. The pressure is stable at about one lost claim in eight.
 * A balance at fewer lost claims would cost more in reads than it saves in writes.
 */
const GROWTH = 2
const DECAY = 0.9
/** Takes the place of `GROWTH` while the pressure is below 16 too: pollers that start together lose most of their claims at first. */
const FIRST_GROWTH = 16
/** The pressure is multiplied by this when other pollers left messages unclaimed. */
const IDLE_DECAY = 0.6

export const contention = (): Contention => {
  let pressure = 1
  return {
    get pressure() {
      return pressure
    },
    observe: ({ won, lost }) => {
      if (won + lost === 0) return
      const loss = lost / (won + lost)
      const growth = pressure < FIRST_GROWTH ? FIRST_GROWTH : GROWTH
      pressure = Math.min(MAX_PRESSURE, Math.max(1, pressure * growth ** loss * DECAY ** (1 - loss)))
    },
    observeIdle: () => {
      pressure = Math.max(1, pressure * IDLE_DECAY)
    },
  }
}
