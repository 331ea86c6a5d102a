import type { Engine } from '../../lib/engine.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import { type Counts, counts } from '../../lib/queues/counts.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'

/** Queues counted at once, and names read at once. */
const AT_ONCE = 8
const NAMES = 1_000

export interface QueueMeasures {
  readonly queue: string
  readonly counts: Counts
}

/** Counts of all queues, as far as time allows. A queue deleted meanwhile is left out. */
export const measureQueues = async (
  engine: Engine,
  inTime: () => boolean,
): Promise<{ measured: QueueMeasures[]; complete: boolean }> => {
  const measured: QueueMeasures[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await listQueueNames(engine, { limit: NAMES, ...(cursor !== undefined && { cursor }) })
    cursor = page.cursor
    const waiting = [...page.names]
    const counter = async () => {
      for (
        let queue = inTime() ? waiting.shift() : undefined;
        queue !== undefined;
        queue = inTime() ? waiting.shift() : undefined
      ) {
        const held = await countsUnlessGone(engine, queue)
        if (held) measured.push({ queue, counts: held })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, counter))
    if (waiting.length > 0) return { measured, complete: false }
  }
  return { measured, complete: true }
}

/** Counts of these queues by name. A queue deleted concurrently is left out. */
export const countsByQueue = async (
  engine: Engine,
  queues: readonly { readonly name: string }[],
): Promise<Map<string, Counts>> => {
  const found = new Map<string, Counts>()
  const waiting = [...queues]
  const counter = async () => {
    for (let queue = waiting.shift(); queue !== undefined; queue = waiting.shift()) {
      const held = await countsUnlessGone(engine, queue.name)
      if (held) found.set(queue.name, held)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, counter))
  return found
}

const countsUnlessGone = async (engine: Engine, queue: string): Promise<Counts | undefined> => {
  try {
    return await counts(engine, queue)
  } catch (error) {
    if (isHoldfastError(error, 'QueueNotFound')) return undefined
    throw error
  }
}
