import type { Engine } from '../engine.ts'
import type { Content } from '../model/content.ts'
import type { HeadPart } from '../model/group.ts'
import type { Message } from '../model/message.ts'
import { asDelayed, type QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle, type HandleGroup } from '../model/receipt-handle.ts'
import { receivedMessage, receivedMessages } from '../model/received-message.ts'
import type { Segment } from '../model/segment.ts'
import { bearsLeases, unclaim } from '../model/segment-change.ts'
import { reportUnreadable } from '../queues/report-unreadable.ts'
import type { Claim, ClaimedSegment } from '../store/port.ts'
import { newLeasing } from './leasing.ts'

export interface HeadClaim {
  readonly messages: Message[]
  /** When the leases end, epoch ms. */
  readonly until: number
  /** Gives the messages back as if they had never been received. */
  readonly undo: () => Promise<void>
}

/**
 * Claims messages at the head of an ordered group, all of them or none.
 *
 * writes: one update a segment, several in one transaction · condition: the messages are as they were read · cost: 1 WRU for one segment, 2 each for several
 *
 * @returns nothing when the messages have changed since they were read
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
      const { segment, content, unreadable } = claimed[position] ?? {}
      if (segment && unreadable !== undefined) reportUnreadable(engine, queue, segment.key, unreadable)
      if (!segment || !content) return []
      return receivedMessages(asDelayed(queue, segment), content, receiptHandles)
    }),
    until,
    undo: async () => {
      await engine.store.change(claims.map(({ segment, change }) => unclaim(segment, change)))
    },
  }
}

/** The segments of a claim that an earlier try made, and whose response was lost: they have its lease tokens. */
export const ownClaim = async (
  engine: Engine,
  claims: readonly Claim[],
): Promise<readonly (ClaimedSegment | undefined)[] | undefined> => {
  const stored = await engine.store.read(claims.map(({ segment }) => segment.key))
  return claims.every(({ change }, position) => bearsLeases(stored[position]?.segment, change)) ? stored : undefined
}

/** The message of a receipt handle, as the poll that issued the handle returned it. */
export const messageOfHandle = (segment: Segment, content: Content, receiptHandle: string): Message =>
  receivedMessage(segment, content, decodeReceiptHandle(receiptHandle)?.index ?? 0, receiptHandle)
