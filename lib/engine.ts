import { type Clock, systemClock } from './clock.ts'
import { type PollHints, pollHints } from './hints/poll-hints.ts'
import { type Wakeups, wakeups } from './hints/wakeups.ts'
import type { ThrottleReason } from './model/errors.ts'
import { ascending, type Sequence } from './model/group.ts'
import { uniqueSequence } from './model/segment-key.ts'
import { type QueueCache, queueCache } from './queues/cache.ts'
import { type Random, systemRandom } from './random.ts'
import type { Store } from './store/port.ts'

/** Something that operators count. */
export type EngineEvent =
  /** Conditional writes of a poll that another poller was ahead of. */
  | { readonly type: 'lost-race'; readonly queue: string; readonly count: number }
  | { readonly type: 'dead-lettered'; readonly queue: string; readonly count: number }
  /** A message due for its dead-letter queue, which does not exist; it stays where it is. */
  | { readonly type: 'dead-letter-queue-missing'; readonly queue: string; readonly target: string }
  /** A publisher was throttled, in the partition of this shard or of a group in it. */
  | { readonly type: 'throttled'; readonly queue: string; readonly shard: number; readonly reason: ThrottleReason }
  | { readonly type: 'shards-raised'; readonly queue: string; readonly shards: number }
  /** A header whose content never arrived was dropped: its publish never succeeded. */
  | { readonly type: 'orphan-dropped'; readonly queue: string }
  /** Something that follows a change failed, such as freeing its message group: the change itself is made. */
  | { readonly type: 'follow-up-failed'; readonly queue: string; readonly error: unknown }

export type Observer = (event: EngineEvent) => void

/** All that the operations share in one process. Plain data and ports: build it once, pass it to every operation. */
export interface Engine {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  readonly queues: QueueCache
  /** What this process's polls learned; hints only. */
  readonly polls: PollHints
  /** Wakes this process's long polls. */
  readonly wakeups: Wakeups
  /** Unique part of a new segment's key. */
  readonly unique: (at: number) => string
  /** Place in the line of groups that wait for their turn. */
  readonly turns: (at: number) => Sequence
}

export interface EngineParts {
  readonly store: Store
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default the system's cryptographic source */
  readonly random?: Random
  /** @default nobody */
  readonly observe?: Observer
}

export const createEngine = ({
  store,
  clock = systemClock,
  random = systemRandom,
  observe = () => {},
}: EngineParts): Engine => ({
  store,
  clock,
  random,
  observe,
  queues: queueCache(store, clock),
  polls: pollHints(),
  wakeups: wakeups(clock),
  unique: uniqueSequence(random.bytes),
  turns: ascending(),
})
