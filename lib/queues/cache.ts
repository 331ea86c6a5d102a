import type { Clock } from '../clock.ts'
import { queueNotFound } from '../model/errors.ts'
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
  /** Caches a state that was just written or read. */
  put(state: QueueState): void
  forget(name: string): void
}

const MAX_QUEUES = 10_000

export const queueCache = (store: Store, clock: Clock): QueueCache => {
  const known = new Map<string, { answer: Promise<QueueState>; state: QueueState; readAt: number }>()
  const reads = new Map<string, Promise<QueueState>>()

  /** Answers what is known now: a read that began before a change of this process must not hide the change. */
  const put = (state: QueueState): QueueState => {
    const present = known.get(state.name)?.state
    if (present && present.generation === state.generation && present.version > state.version) return present
    if (known.size >= MAX_QUEUES) known.clear()
    known.set(state.name, { answer: Promise.resolve(state), state, readAt: clock.now() })
    return state
  }

  const read = async (name: string): Promise<QueueState> => {
    // Consistent: a queue is there for everyone as soon as its creation has been answered.
    const state = await readQueue(store, name, { consistent: true })
    if (!state) {
      known.delete(name)
      throw queueNotFound(name)
    }
    return put(state)
  }

  return {
    get: (name) => {
      const entry = known.get(name)
      if (entry && clock.now() - entry.readAt < QUEUE_CACHE_MS) return entry.answer
      // Calls during a read share it.
      let reading = reads.get(name)
      if (!reading) {
        reading = read(name).finally(() => reads.delete(name))
        reads.set(name, reading)
      }
      return reading
    },
    fresh: read,
    put: (state) => void put(state),
    forget: (name) => void known.delete(name),
  }
}
