import type { Engine } from '../engine.ts'
import {
  type GroupHead,
  groupSort,
  judgeHead,
  lastSequenceOf,
  NO_SEQUENCE,
  type Sequence,
  sequenceAt,
} from '../model/group.ts'
import { asDelayed, isDropped, type QueueState } from '../model/queue-record.ts'
import { goneCount, type Segment } from '../model/segment.ts'
import { sortRightBehind } from '../model/segment-key.ts'
import { reportUnreadable } from '../queues/report-unreadable.ts'
import type { TicketKey } from '../store/port.ts'

/** Each page is larger than the one before: expired messages are stored until TTL deletes them, and may be thousands. */
const GROWTH = 4
const MAX_HEADERS = 2_500

/**
 * Reads, consistently, as many messages at the head of a group as are wanted. Messages that expired or were purged do not count.
 * Returns the head, the last sequence number that was read, and headers whose messages are all gone: a process acked the last one and died
 * before it deleted the header.
 */
export const readHead = async (
  engine: Engine,
  queue: QueueState,
  { partition }: TicketKey,
  { want, maxReceives }: { want: number; maxReceives: number | undefined },
): Promise<{ head: GroupHead; last: Sequence; gone: readonly Segment[] }> => {
  const now = engine.clock.now()
  const segments: Segment[] = []
  const gone: Segment[] = []
  let last = NO_SEQUENCE
  let count = 0
  let from = queue.purgedAt === undefined ? '9' : groupSort(sequenceAt(queue.purgedAt))
  for (let limit = want; count < want; limit = Math.min(MAX_HEADERS, limit * GROWTH)) {
    const page = await engine.store.headers({ partition, from, to: '~', limit, consistent: true })
    for (const stored of page.segments) {
      const segment = asDelayed(queue, stored)
      last = lastSequenceOf(segment)
      if (segment.unreadable !== undefined) reportUnreadable(engine, queue, segment.key, segment.unreadable)
      if (isDropped(queue, segment, now)) continue
      const left = segment.slots.length - goneCount(segment)
      count += left
      if (left > 0) segments.push(segment)
      else gone.push(segment)
    }
    const end = page.segments.at(-1)
    if (!page.more || !end) break
    from = sortRightBehind(end.key.sort)
  }
  return { head: judgeHead(segments, { now, want, maxReceives }), last, gone }
}
