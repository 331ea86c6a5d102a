/**
 * How many others seem to poll the same place, learned from lost races alone: 1 when alone, about the number of
 * competing pollers when there are many.
 *
 * A poller that is alone takes the head of the queue, in order. One among many reads a window `pressure` times what
 * it wants and takes a random part of it, since a lost race costs a write unit and a header read about a fortieth.
 * Where fewer messages are left than that, it waits a random while of its own before it takes one.
 */
export interface Contention {
  readonly pressure: number
  /** Takes note of the claims of one look. */
  observe(outcome: { won: number; lost: number }): void
  /** Takes note that nobody was there to take what was left lying for long enough. */
  observeIdle(): void
}

const MOST = 64
/**
 * The pressure grows by half as many factors of `GROWTH` as claims were lost, and shrinks by `EASE` for those won: the
 * two balance at one loss in eight. Fewer would cost more reads than the writes they save.
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
