import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { plainName } from '../model/queue-name.ts'
import { rewriteQueue, within } from './rewrite-queue.ts'

/**
 * Empties a queue: whatever was published until now, delayed and leased messages too, is gone. One write; DynamoDB's
 * TTL reclaims the rest. Other processes see it when their knowledge of the queue is renewed, within five seconds.
 *
 * @throws `QueueNotFound`, `PurgeInProgress` within `minIntervalMs` of the last purge
 */
export const purgeQueue = async (
  engine: Engine,
  name: string,
  { minIntervalMs = 0 }: { minIntervalMs?: number } = {},
): Promise<void> => {
  await rewriteQueue(engine, name, async (queue, now) => {
    if (queue.purgedAt !== undefined && within(minIntervalMs, queue.purgedAt, now)) {
      throw new HoldfastError('PurgeInProgress', `queue ${plainName(name)} was purged a moment ago`, { queue: name })
    }
    return { record: { ...queue, purgedAt: now } }
  })
}
