import { type Clock, systemClock } from './clock.ts'
import { type PollHints, pollHints } from './hints/poll-hints.ts'
import { type ThrottledShards, throttledShards } from './hints/throttled-shards.ts'
import { type Wakeups, wakeups } from './hints/wakeups.ts'
import type { Observer } from './model/engine-event.ts'
import { ascending, type Sequence } from './model/group.ts'
import { uniqueSequence } from './model/segment-key.ts'
import { type QueueCache, queueCache } from './queues/cache.ts'
import { type Random, systemRandom } from './random.ts'
import type { Store } from './store/port.ts'
import { snapshotExchange } from './visibility/snapshot-exchange.ts'
import type { Visibility } from './visibility/visibility.ts'

/**
 * The bytes of one poll's answer, in a process that bounds the bytes that it hands out at one time. A poll acquires them before it leases
 * messages, so that a wait takes nothing of their leases, and keeps them until its caller has the answer.
 */
export interface AnswerBudget {
  /** Waits for the bytes. A second call of the same poll has the outcome of the first. @throws `Throttled` after the longest wait */
  acquire(messages: number, signal?: AbortSignal): Promise<void>
  /** The poll holds no messages, and goes on waiting for some. */
  release(): void
}

/** All that the operations share in one process. Plain data and ports: build it once, pass it to every operation. */
export interface Engine {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  readonly queues: QueueCache
  /** What the polls of this process learned: hints. */
  readonly polls: PollHints
  /** What processes tell each other of when messages become visible: hints. */
  readonly visibility: Visibility
  /** Where this process's publishes were throttled: hints. */
  readonly throttled: ThrottledShards
  /** Set for one request, where a server bounds what it hands out. @default no bound */
  readonly answerBudget?: AnswerBudget | undefined
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
}: EngineParts): Engine => {
  const polls = pollHints()
  return {
    store,
    clock,
    random,
    observe,
    queues: queueCache(store, clock),
    polls,
    visibility: snapshotExchange({ store, clock, random, observe, polls }),
    throttled: throttledShards(clock, random),
    wakeups: wakeups(clock),
    unique: uniqueSequence(random.bytes),
    turns: ascending(),
  }
}
