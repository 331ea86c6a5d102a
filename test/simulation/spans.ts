export interface Spans {
  /** How long the cast works. */
  readonly workMs: number
  /**
   * How long publishers publish. After that the cast stops early, once no message is stored any more; so such a world has no
   * `steadyMs`. @default all of `workMs`
   */
  readonly publishMs?: number
  /** How long the queues are emptied afterwards: longer than anything can stay hidden. */
  readonly drainMs: number
  /** Maximum time between two publishes of a publisher. */
  readonly publishEveryMs: number
  /** Maximum number of messages of a publish, which few publishes have. Most have up to five, or four on FIFO queues. */
  readonly largestPublish: number
  /** Leases that consumers ask for, seconds. */
  readonly leaseSeconds: readonly [min: number, max: number]
  /** Maximum time that a consumer asks for when it extends a lease, seconds. */
  readonly extendSeconds: number
  /** Maximum time that a consumer's poll waits for a message, seconds. */
  readonly waitSeconds: number
  /** Maximum pause between two polls of a consumer. */
  readonly pollEveryMs: number
  /** Maximum time for which a consumer works on a message before it settles the message. */
  readonly workOnMessageMs: number
  /** How late a delayed request, answer or second copy is. */
  readonly lateMs: readonly [min: number, max: number]
  /** Maximum time between two reads of a watcher, and how many of the latest messages a read chooses from. */
  readonly watchEveryMs: number
  readonly watchedMessages: number
  /** How long a worker of the library runs before it stops. */
  readonly workerMs: readonly [min: number, max: number]
  /** Time between two purges, or two deletions. */
  readonly dropEveryMs: readonly [min: number, max: number]
  /** Pause before each action of an operator, and of a redriver. */
  readonly operateEveryMs: readonly [min: number, max: number]
  readonly redriveEveryMs: readonly [min: number, max: number]
  /** How long a process is paused. */
  readonly pauseMs: readonly [min: number, max: number]
}

export const DEFAULT_SPANS: Spans = {
  workMs: 15_000,
  drainMs: 45_000,
  publishEveryMs: 400,
  largestPublish: 25,
  leaseSeconds: [1, 4],
  extendSeconds: 5,
  waitSeconds: 2,
  pollEveryMs: 100,
  workOnMessageMs: 50,
  lateMs: [500, 5_000],
  watchEveryMs: 300,
  watchedMessages: 20,
  workerMs: [2_000, 9_000],
  dropEveryMs: [2_000, 9_000],
  operateEveryMs: [100, 900],
  redriveEveryMs: [200, 1_000],
  // Longer than every lease that consumers ask for.
  pauseMs: [5_000, 15_000],
}
