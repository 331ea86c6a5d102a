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
  /** The messages in front of the first segment whose content can't be read, which stays leased. */
  readonly messages: Message[]
  /** Whether none of these messages is missing. */
  readonly isWhole: boolean
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
  const damaged = claimed.findIndex((one) => one?.unreadable !== undefined)
  const front = damaged < 0 ? claims : claims.slice(0, damaged)
  if (damaged >= 0) await stopAt(engine, queue, claims, claimed, damaged)
  const messages = front.flatMap(({ receiptHandles }, position) => {
    const { segment, content } = claimed[position] ?? {}
    return segment && content ? receivedMessages(asDelayed(queue, segment), content, receiptHandles) : []
  })
  return {
    messages,
    isWhole: messages.length === front.reduce((sum, { receiptHandles }) => sum + receiptHandles.size, 0),
    until,
    undo: async () => {
      await engine.store.change(claims.map(({ segment, change }) => unclaim(segment, change)))
    },
  }
}

/**
 * Leaves a segment whose content can't be read leased, so that nothing overtakes it and it is tried again when the lease ends. Gives
 * back the messages behind it.
 */
const stopAt = async (
  engine: Engine,
  queue: QueueState,
  claims: readonly Claim[],
  claimed: readonly (ClaimedSegment | undefined)[],
  damaged: number,
): Promise<void> => {
  const { segment, unreadable = '' } = claimed[damaged] ?? {}
  if (segment) reportUnreadable(engine, queue, segment.key, unreadable)
  const behind = claims.slice(damaged + 1)
  if (behind.length > 0) await engine.store.change(behind.map(({ segment: read, change }) => unclaim(read, change)))
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
