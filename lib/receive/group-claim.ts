import type { Engine } from '../engine.ts'
import { type Content, contentOf } from '../model/content.ts'
import { type HeadPart, sequenceAfter, sequenceNumber, sequenceOf } from '../model/group.ts'
import type { Message } from '../model/message.ts'
import { asDelayed, type QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle, type HandleGroup } from '../model/receipt-handle.ts'
import { type Lease, type Segment, slotAt } from '../model/segment.ts'
import { bearsLeases, unclaim } from '../model/segment-change.ts'
import type { Claim, ClaimedSegment } from '../store/port.ts'
import { newLeasing } from './leasing.ts'

export interface HeadClaim {
  readonly messages: Message[]
  readonly until: number
  /** Gives the messages back as if they had never been received. */
  readonly undo: () => Promise<void>
}

/**
 * Leases messages at the head of a group, all of them or none.
 *
 * writes: one update a segment, in one transaction when there are several · condition: the messages are as they were
 * read · cost: 1 WRU for one segment, 2 each for several
 *
 * @returns nothing when the group is no longer as it was read
 */
export const claimHead = async (
  engine: Engine,
  queue: QueueState,
  parts: readonly HeadPart[],
  { leaseMs, group }: { leaseMs: number; group: HandleGroup },
): Promise<HeadClaim | undefined> => {
  const { until, issue } = newLeasing(engine, queue, leaseMs, group)
  const claims = parts.map((part) => issue(part.segment, part.indexes))
  const claimed = (await engine.store.claimTogether(claims)) ?? (await ownClaim(engine, claims))
  if (!claimed) return undefined
  return {
    messages: claims.flatMap(({ receiptHandles }, position) => {
      const { segment, content } = claimed[position] ?? {}
      if (!segment || !content) return []
      const delayed = asDelayed(queue, segment)
      return [...receiptHandles].map(([index, receiptHandle]) => messageAt(delayed, content, index, receiptHandle))
    }),
    until,
    undo: async () => {
      await engine.store.change(claims.map(({ segment, change }) => unclaim(segment, change)))
    },
  }
}

/** A claim whose answer was lost is recognized by its tokens. */
export const ownClaim = async (
  engine: Engine,
  claims: readonly Claim[],
): Promise<readonly (ClaimedSegment | undefined)[] | undefined> => {
  const stored = await engine.store.read(claims.map(({ segment }) => segment.key))
  return claims.every(({ change }, position) => bearsLeases(stored[position]?.segment, change)) ? stored : undefined
}

const messageAt = (segment: Segment, content: Content, index: number, receiptHandle: string): Message => {
  const { receiveCount, firstReceivedAt, until } = slotAt(segment, index) as Lease
  return {
    ...contentOf(segment, content, index),
    sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(segment.key.sort), index)),
    receiptHandle,
    receiveCount,
    firstReceivedAt,
    leasedUntil: until,
  }
}

/** The message that a receipt handle holds, as it was handed out with it. */
export const messageOfHandle = (segment: Segment, content: Content, receiptHandle: string): Message =>
  messageAt(segment, content, decodeReceiptHandle(receiptHandle)?.index ?? 0, receiptHandle)
