import type { Engine } from '../engine.ts'
import { type Sequence, sequenceAt } from '../model/group.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { Segment } from '../model/segment.ts'
import { partitionId } from '../model/segment-key.ts'
import { deleteGone, retireTicket, unlockGroup } from '../settle/group-release.ts'
import type { TicketKey } from '../store/port.ts'
import type { Locked } from './group-lock.ts'
import type { ScanResult } from './scan-result.ts'
import { NOTHING_FOUND } from './scan-result.ts'

/**
 * Deletes the ticket of a group that was found empty, marks the group idle, or locks it until a retry. Headers whose messages are all
 * gone are deleted before: no poll reads them once the ticket is retired.
 *
 * DynamoDB makes the writes of a transaction visible one after the other. So when this poll has not read the message of the ticket's
 * last number, that message may be about to become visible. The age of the number proves nothing, because the publisher's clock
 * may be slow. This process polls the group again, at growing intervals, for some seconds after it first missed the message.
 */
export const releaseEmpty = async (
  engine: Engine,
  queue: QueueState,
  { key, ticket: { lastSequence } }: Locked,
  { lastRead, gone }: { lastRead: Sequence; gone: readonly Segment[] },
): Promise<ScanResult> => {
  const purged = queue.purgedAt !== undefined && lastSequence < sequenceAt(queue.purgedAt)
  if (lastRead < lastSequence && !purged) {
    const now = engine.clock.now()
    const missedMs = now - missedSince(engine, key, lastSequence)
    if (missedMs < MISSED_MS) {
      const at = now + Math.max(MIN_RETRY_MS, 2 * missedMs)
      // The lock ends with the next publish, which must not wait for it.
      await unlockGroup(engine, key, at, { lapses: true })
      return { messages: [], nextAt: at }
    }
  }
  const isRetired = (await deleteGone(engine, gone)) && (await retireTicket(engine, key, lastSequence))
  if (!isRetired) await unlockGroup(engine, key)
  return NOTHING_FOUND
}

/** How long after a message was first missed its publish may still become visible. */
const MISSED_MS = 5_000
const MAX_MISSED = 1_000
const MIN_RETRY_MS = 200

/** When this process first missed the message of a number, epoch ms. */
const missedSince = (engine: Engine, { partition }: TicketKey, lastSequence: Sequence): number => {
  const { missedNumbers } = engine.polls
  const name = partitionId(partition)
  const known = missedNumbers.get(name)
  if (known?.lastSequence === lastSequence) return known.since
  if (missedNumbers.size >= MAX_MISSED) missedNumbers.clear()
  const since = engine.clock.now()
  missedNumbers.set(name, { lastSequence, since })
  return since
}
