import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists } from '../../lib/model/errors.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { type Counts, countsOf } from '../../lib/queues/counts.ts'
import { cursorBehind, listQueueNames } from '../../lib/queues/list-queues.ts'
import { readQueue } from '../../lib/queues/read-queue.ts'

/** Queues counted at the same time. */
const AT_ONCE = 8
/** Names read in one page. */
const NAMES = LIMITS.listQueuesPage

interface QueueMeasures {
  readonly queue: string
  readonly counts: Counts
}

interface FailedCount {
  readonly queue: string
  readonly error: unknown
}

export interface MeasuredQueues {
  readonly measured: QueueMeasures[]
  /** Queues that could not be counted. */
  readonly failed: FailedCount[]
  /** The queue behind which the next run goes on; absent when every queue was counted. */
  readonly next?: string
}

/**
 * Counts of all queues, as far as time allows: those behind `after` first, then those before it. A queue deleted concurrently is
 * left out. A queue whose count fails does not keep the others from being counted.
 *
 * reads: the list of queues; of each queue 1 RRU for its record and its layout, and its headers
 */
export const measureQueues = async (engine: Engine, inTime: () => boolean, after?: string): Promise<MeasuredQueues> => {
  const measured: QueueMeasures[] = []
  const failed: FailedCount[] = []
  const count = (queue: string): Promise<Counts | undefined> =>
    ifQueueExists(countOf(engine, queue)).catch((error: unknown) => {
      failed.push({ queue, error })
      return undefined
    })
  for await (const names of namesFrom(engine, after)) {
    const waiting = [...names]
    const found = await countAll(waiting, count, inTime)
    for (const [queue, counts] of found) if (counts) measured.push({ queue, counts })
    const [missed] = waiting
    if (missed === undefined) continue
    const last = names[names.indexOf(missed) - 1] ?? measured.at(-1)?.queue ?? after
    return { measured, failed, ...(last !== undefined && { next: last }) }
  }
  return { measured, failed }
}

/** The names behind `after`, page by page, and then those up to it. */
async function* namesFrom(engine: Engine, after: string | undefined): AsyncGenerator<readonly string[]> {
  yield* pagesOfNames(engine, after)
  if (after === undefined) return
  for await (const names of pagesOfNames(engine, undefined)) {
    const before = names.filter((name) => name <= after)
    yield before
    if (before.length < names.length) return
  }
}

async function* pagesOfNames(engine: Engine, after: string | undefined): AsyncGenerator<readonly string[]> {
  for (let cursor = after === undefined ? undefined : cursorBehind(after), more = true; more; ) {
    const page = await listQueueNames(engine, { limit: NAMES, ...(cursor !== undefined && { cursor }) })
    yield page.names
    cursor = page.cursor
    more = cursor !== undefined
  }
}

/**
 * The name of a random queue: where a process that does not know how far the last run came begins. If each new process began with the
 * first queue, the last ones might never be counted. reads: the list of queues
 */
export const randomQueueName = async (engine: Engine): Promise<string | undefined> => {
  const all: string[] = []
  for await (const names of pagesOfNames(engine, undefined)) all.push(...names)
  return all[Math.floor(engine.random.fraction() * all.length)]
}

/** What a queue holds. Its settings may be those of a moment ago, which halves their cost. */
const countOf = async (engine: Engine, name: string): Promise<Counts | undefined> => {
  const state = await readQueue(engine.store, name)
  return state && countsOf(engine, state)
}

/** Counts of these queues, which were just read. */
export const countsByQueue = (engine: Engine, states: readonly QueueState[]): Promise<Map<QueueState, Counts>> =>
  countAll([...states], (state) => countsOf(engine, state))

/**
 * Counts queues, several at once, and removes each from `waiting`; those that are left were not reached in time. A queue deleted
 * concurrently is left out.
 */
const countAll = async <Q, C extends Counts | undefined>(
  waiting: Q[],
  count: (queue: Q) => Promise<C>,
  inTime: () => boolean = () => true,
): Promise<Map<Q, C>> => {
  const found = new Map<Q, C>()
  const counter = async () => {
    while (inTime()) {
      const queue = waiting.shift()
      if (queue === undefined) return
      const held = await ifQueueExists(count(queue))
      if (held) found.set(queue, held)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, counter))
  return found
}
