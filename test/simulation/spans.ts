export interface Spans {
  /** How long the cast works. */
  readonly workMs: number
  /** How long the queues are emptied afterwards: longer than anything can stay hidden. */
  readonly drainMs: number
  /** Between two publishes of a publisher, at most. */
  readonly publishEveryMs: number
  /** Leases that consumers ask for, seconds. */
  readonly leaseSeconds: readonly [min: number, max: number]
  /** How long a consumer works on a message before it does anything about it. */
  readonly workOnMessageMs: number
  /** How late a delayed request, answer or second copy is. */
  readonly lateMs: readonly [min: number, max: number]
  /** Between two looks of a watcher, at most, and of how many of the latest messages it may be. */
  readonly lookEveryMs: number
  readonly lookBack: number
  /** How long a paused process stands still. */
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
