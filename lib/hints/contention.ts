/**
 * An estimate of how many pollers compete at a scan target, learned from lost claims only: 1 for a single poller, about the
 * number of pollers when there are many.
 *
 * A single poller claims the head of the queue, in order. One poller of many reads `pressure` times as many messages as it wants
 * and claims a random part of them, because a lost claim costs a write unit, and reading a header about a fortieth of that.
 * When fewer messages are left, it waits a random time before it claims one.
 */
export interface Contention {
  readonly pressure: number
  /** Records the outcomes of one scan's claims. */
  observe(outcome: { won: number; lost: number }): void
  /** Records that no other poller claimed messages that were left for long enough. */
  observeIdle(): void
}

const MOST = 64
/**
 * The pressure grows by half as many factors of `GROWTH` as claims were lost, and shrinks by `EASE` for claims won. The two
 * balance at one lost claim in eight. Fewer lost claims would cost more in reads than they save in writes.
 */
const GROWTH = 2
const EASE = 0.9
/** Many pollers that start together lose most of their claims till they know each other: so at first it grows faster. */
const FIRST_GROWTH = 16
const EASE_ALONE = 0.6

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
      pressure = Math.min(MOST, Math.max(1, pressure * growth ** loss * EASE ** (1 - loss)))
    },
    observeIdle: () => {
      pressure = Math.max(1, pressure * EASE_ALONE)
    },
  }
}
