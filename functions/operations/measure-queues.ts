import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists } from '../../lib/model/errors.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { type Counts, counts, countsOf } from '../../lib/queues/counts.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'

/** Queues counted at the same time. */
const AT_ONCE = 8
/** Names read in one page. */
const NAMES = LIMITS.listQueuesPage

export interface QueueMeasures {
  readonly queue: string
  readonly counts: Counts
}

/** Counts of all queues, as far as time allows. A queue deleted concurrently is left out. */
export const measureQueues = async (
  engine: Engine,
  inTime: () => boolean,
): Promise<{ measured: QueueMeasures[]; complete: boolean }> => {
  const measured: QueueMeasures[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await listQueueNames(engine, { limit: NAMES, ...(cursor !== undefined && { cursor }) })
    cursor = page.cursor
    const waiting = [...page.names]
    const found = await countAll(waiting, (name) => counts(engine, name), inTime)
    for (const [queue, held] of found) measured.push({ queue, counts: held })
    if (waiting.length > 0) return { measured, complete: false }
  }
  return { measured, complete: true }
}

/** Counts of these queues, which were just read. */
export const countsByQueue = (engine: Engine, states: readonly QueueState[]): Promise<Map<QueueState, Counts>> =>
  countAll([...states], (state) => countsOf(engine, state))

/**
 * Counts queues, several at once, and removes each from `waiting`; those that are left were not reached in time. A queue deleted
 * concurrently is left out.
 */
const countAll = async <Q>(
  waiting: Q[],
  count: (queue: Q) => Promise<Counts>,
  inTime: () => boolean = () => true,
): Promise<Map<Q, Counts>> => {
  const found = new Map<Q, Counts>()
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
