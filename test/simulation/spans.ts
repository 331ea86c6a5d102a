export interface Spans {
  /** How long the cast works. */
  readonly workMs: number
  /** How long the queues are emptied afterwards: longer than anything can stay hidden. */
  readonly drainMs: number
  /** Maximum time between two publishes of a publisher. */
  readonly publishEveryMs: number
  /** Leases that consumers ask for, seconds. */
  readonly leaseSeconds: readonly [min: number, max: number]
  /** Maximum time for which a consumer works on a message before it settles the message. */
  readonly workOnMessageMs: number
  /** How late a delayed request, answer or second copy is. */
  readonly lateMs: readonly [min: number, max: number]
  /** Maximum time between two looks of a watcher, and how many of the latest messages a look chooses from. */
  readonly lookEveryMs: number
  readonly lookBack: number
  /** How long a process is paused. */
  readonly pauseMs: readonly [min: number, max: number]
}

export const DEFAULT_SPANS: Spans = {
  workMs: 15_000,
  drainMs: 45_000,
  publishEveryMs: 400,
  leaseSeconds: [1, 4],
  workOnMessageMs: 50,
  lateMs: [500, 5_000],
  lookEveryMs: 300,
  lookBack: 20,
  // Longer than every lease that consumers ask for.
  pauseMs: [5_000, 15_000],
}
