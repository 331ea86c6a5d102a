import type { Clock } from '../clock.ts'
import { ifQueueExists, queueNotFound } from '../model/errors.ts'
import { QUEUE_CACHE_MS } from '../model/limits.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { Store } from '../store/port.ts'
import { readQueue } from './read-queue.ts'

/**
 * The states of queues as this process knows them, at most `QUEUE_CACHE_MS` old. Only queues that exist are
 * cached: where none was found, the next call reads again.
 */
export interface QueueCache {
  /** @throws `QueueNotFound` */
  get(name: string): Promise<QueueState>
  /** Reads it again whatever is known. @throws `QueueNotFound` */
  fresh(name: string): Promise<QueueState>
  /** Caches a state that was written. @param sentAt when the write was sent: a process may stand still before it has the answer */
  put(state: QueueState, sentAt: number): void
  /** Changes a part of the state that is known, which grows no younger by that. */
  amend(state: QueueState): void
  forget(name: string): void
}

const MAX_QUEUES = 10_000
/** A read whose answer is too old is repeated so often: a process that stands still, as a Lambda between invocations, does so once. */
const MAX_READS = 3

export const queueCache = (store: Store, clock: Clock): QueueCache => {
  const known = knownStates()
  const reads = new Map<string, Promise<QueueState>>()

  const read = async (name: string): Promise<QueueState> => {
    const { state, sentAt } = await readYoung(store, clock, name)
    if (!state) {
      known.forget(name)
      throw queueNotFound(name)
    }
    return known.put(state, sentAt)
  }

  const begun = (name: string): Promise<QueueState> => {
    const reading = read(name).finally(() => reads.delete(name))
    reads.set(name, reading)
    return reading
  }
  /** Calls during a read share it. But a queue that it did not find may have been created before the call that came later. */
  const shared = async (name: string, reading: Promise<QueueState>): Promise<QueueState> =>
    (await ifQueueExists(reading)) ?? reads.get(name) ?? begun(name)

  return {
    get: (name) => {
      const entry = known.get(name)
      if (entry && !isOld(clock, entry.readAt)) return entry.answer
      const reading = reads.get(name)
      return reading === undefined ? begun(name) : shared(name, reading)
    },
    fresh: read,
    put: (state, sentAt) => void known.put(state, sentAt),
    amend: (state) => {
      const entry = known.get(state.name)
      if (entry) known.put(state, entry.readAt)
    },
    forget: known.forget,
  }
}

interface Known {
  readonly answer: Promise<QueueState>
  readonly state: QueueState
  readonly readAt: number
}

const knownStates = () => {
  const known = new Map<string, Known>()
  return {
    get: (name: string): Known | undefined => known.get(name),
    /** Answers what is known now: a read that began before a change of this process must not hide the change. */
    put: (state: QueueState, readAt: number): QueueState => {
      const present = known.get(state.name)?.state
      if (present && isLater(present, state)) return present
      if (known.size >= MAX_QUEUES) known.clear()
      known.set(state.name, { answer: Promise.resolve(state), state, readAt })
      return state
    },
    forget: (name: string): void => void known.delete(name),
  }
}

/** Whether a state was stored later than another. The versions of a later queue of the name may be lower. */
const isLater = (one: QueueState, other: QueueState): boolean =>
  one.createdAt === other.createdAt ? one.version > other.version : one.createdAt > other.createdAt

const isOld = (clock: Clock, readAt: number): boolean => clock.now() - readAt >= QUEUE_CACHE_MS

interface Read {
  /** Absent where there is no queue. */
  readonly state: QueueState | undefined
  readonly sentAt: number
}

/** Reads a queue. Its state is as old as the request, since the process may stand still before the answer reaches it. */
const readYoung = async (store: Store, clock: Clock, name: string, left = MAX_READS): Promise<Read> => {
  const sentAt = clock.now()
  // Consistent: a queue is there for everyone as soon as its creation has been answered.
  const state = await readQueue(store, name, { consistent: true })
  return isOld(clock, sentAt) && left > 1 ? readYoung(store, clock, name, left - 1) : { state, sentAt }
}
