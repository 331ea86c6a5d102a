import { type Content, contentOf } from './content.ts'
import { isOrdered, sequenceAfter, sequenceNumber, sequenceOf } from './group.ts'
import type { Message } from './message.ts'
import { type Lease, type Segment, slotAt } from './segment.ts'

/** A message of a segment, leased under a receipt handle, as its consumer receives it. */
export const receivedMessage = (segment: Segment, content: Content, index: number, receiptHandle: string): Message => {
  const { receiveCount, firstReceivedAt, until } = slotAt(segment, index) as Lease
  const { partition, sort } = segment.key
  return {
    receiptHandle,
    receiveCount,
    firstReceivedAt,
    leasedUntil: until,
    ...(isOrdered(partition.group) && { sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(sort), index)) }),
    // The copy comes last: V8 adds members to a copy many times slower than it copies onto a literal.
    ...contentOf(segment, content, index),
  }
}

/** The messages of a segment that were leased together, by their places. */
export const receivedMessages = (
  segment: Segment,
  content: Content,
  receiptHandles: ReadonlyMap<number, string>,
): Message[] => [...receiptHandles].map(([index, handle]) => receivedMessage(segment, content, index, handle))
