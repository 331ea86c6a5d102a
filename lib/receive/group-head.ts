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
import { reportUnreadable } from '../queues/report-unreadable.ts'
import { headerPages } from '../store/header-pages.ts'
import type { TicketKey } from '../store/port.ts'

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
  const from = queue.purgedAt === undefined ? '9' : groupSort(sequenceAt(queue.purgedAt))
  for await (const page of headerPages(engine.store, { partition, from, to: '~', limit: want })) {
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
    if (count >= want) break
  }
  return { head: judgeHead(segments, { now, want, maxReceives }), last, gone }
}
