import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { plainName } from '../model/queue-name.ts'
import { isWithinInterval, rewriteQueue } from './rewrite-queue.ts'

/**
 * Drops every message that was published until now, delayed and leased ones too. writes: the queue's record; DynamoDB's TTL deletes
 * the messages. Other processes know of the purge when they read the queue again, within five seconds.
 *
 * @throws `QueueNotFound`, `PurgeInProgress` within `minIntervalMs` of the last purge
 */
export const purgeQueue = async (
  engine: Engine,
  name: string,
  { minIntervalMs = 0 }: { minIntervalMs?: number } = {},
): Promise<void> => {
  await rewriteQueue(engine, name, async (queue, now) => {
    if (queue.purgedAt !== undefined && isWithinInterval(minIntervalMs, queue.purgedAt, now)) {
      throw new HoldfastError('PurgeInProgress', `queue ${plainName(name)} was purged a moment ago`, { queue: name })
    }
    return { record: { ...queue, purgedAt: now } }
  })
}
