import type { Clock } from '../clock.ts'
import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { plainName } from '../model/queue-name.ts'
import { afterPurge } from '../model/queue-record.ts'
import { MAX_UNCERTAINTY_MS } from '../store/clock-check.ts'
import { isWithinInterval, rewriteQueue } from './rewrite-queue.ts'

/**
 * Drops every message whose publish was answered before this call, delayed and leased ones too, and no message that is published
 * after its end. writes: the queue's record; DynamoDB's TTL deletes the messages. Other processes know of the purge when they read the
 * queue again, within five seconds. Where the clocks of processes may differ, the call takes up to four seconds.
 *
 * @throws `QueueNotFound`, `PurgeInProgress` within `minIntervalMs` of the last purge
 */
export const purgeQueue = async (
  engine: Engine,
  name: string,
  { minIntervalMs = 0 }: { minIntervalMs?: number } = {},
): Promise<void> => {
  // The clock of a new process learns the time from this read's response.
  if (engine.clock.doubtMs) await engine.queues.get(name)
  // The purge is an instant of this process's clock. At the first wait's end no publisher's clock has shown a later instant before the
  // call; at the second one's every publisher's clock shows a later instant than the purge's.
  await untilClocksAgree(engine.clock)
  await rewriteQueue(engine, name, async (queue, now) => {
    if (queue.purgedAt !== undefined && isWithinInterval(minIntervalMs, queue.purgedAt, now)) {
      const message = `queue ${plainName(name)} was purged a moment ago: purge it again ${minIntervalMs / 1_000} s after that`
      throw new HoldfastError('PurgeInProgress', message, { queue: name })
    }
    // The instant of a purge never goes back, or what an earlier purge dropped would come again. It is later than the earlier one, since
    // messages that were published right after that one bear the instant after it.
    return { record: { ...queue, purgedAt: afterPurge(queue, now) } }
  })
  await untilClocksAgree(engine.clock)
}

/** How far the clock of another process may be off, to either side. */
const OTHERS_OFF_BY_MS = 1_000

/** Waits for as long as this process's clock and another's may differ. Clocks that are to be trusted do not differ. */
const untilClocksAgree = async (clock: Clock): Promise<void> => {
  const offByMs = Math.min(clock.doubtMs?.() ?? 0, MAX_UNCERTAINTY_MS)
  if (offByMs > 0) await clock.sleep(offByMs + OTHERS_OFF_BY_MS)
}
