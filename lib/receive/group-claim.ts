import type { Engine } from '../engine.ts'
import { type Content, contentOf } from '../model/content.ts'
import { type HeadPart, sequenceAfter, sequenceNumber, sequenceOf } from '../model/group.ts'
import type { Message } from '../model/message.ts'
import { asDelayed, type QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle, encodeReceiptHandle, type HandleGroup } from '../model/receipt-handle.ts'
import { claim, goneCount, holds, type Lease, type Segment, slotAt, TOKEN_BYTES, unclaim } from '../model/segment.ts'
import type { Claim, ClaimedSegment } from '../store/port.ts'

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
  const now = engine.clock.now()
  const lease = { token: engine.random.bytes(TOKEN_BYTES), now, until: now + leaseMs }
  const claims = parts.map(
    (part): Claim => ({ segment: part.segment, change: claim(part.segment, part.indexes, lease) }),
  )
  const claimed = (await engine.store.claimTogether(claims)) ?? (await ownClaim(engine, parts, lease.token))
  if (!claimed) return undefined
  return {
    messages: parts.flatMap((part, position) => {
      const { segment, content } = claimed[position] ?? {}
      if (!segment || !content) return []
      return part.indexes.map((index) => {
        const handle = handleOf(queue, { segment, part, index, group, receivedAt: now })
        return messageAt(asDelayed(queue, segment), content, index, handle)
      })
    }),
    until: lease.until,
    undo: async () => {
      await engine.store.change(parts.map(({ segment, indexes }) => unclaim(segment, indexes, lease.token)))
    },
  }
}

/** A claim whose answer was lost is recognized by its token. */
export const ownClaim = async (
  engine: Engine,
  parts: readonly HeadPart[],
  token: Uint8Array,
): Promise<readonly (ClaimedSegment | undefined)[] | undefined> => {
  const stored = await engine.store.read(parts.map(({ segment }) => segment.key))
  const own = parts.every(({ indexes }, position) => {
    const segment = stored[position]?.segment
    return indexes.every((index) => segment && holds(slotAt(segment, index), token))
  })
  return own ? stored : undefined
}

const handleOf = (
  queue: QueueState,
  {
    segment,
    part,
    index,
    group,
    receivedAt,
  }: { segment: Segment; part: HeadPart; index: number; group: HandleGroup; receivedAt: number },
): string => {
  const { token, receiveCount, firstReceivedAt } = slotAt(segment, index) as Lease
  return encodeReceiptHandle(queue.name, {
    shard: segment.key.partition.shard,
    sort: segment.key.sort,
    index,
    token,
    count: segment.slots.length,
    claimed: part.indexes.length,
    gone: goneCount(part.segment),
    receiveCount,
    firstReceivedAt,
    receivedAt,
    group,
  })
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
