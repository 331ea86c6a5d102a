import { dueAtOf, type SegmentKey } from './segment-key.ts'

/**
 * A segment is what one publish writes: 1 to 25 messages of one queue, priority and due time under one key. All that
 * changes over its life is in its header: a version, and one slot a message.
 *
 *                 claim                      ack, cancel, dead-letter
 *     fresh ─────────────────► leased ──────────────────────────────► gone
 *       │                     ▲   │ extend (until moves)                ▲
 *       │              claim, │   │ lease ends, or nack                 │
 *       │              once   │   ▼                                     │
 *       │              until  └─ receivable again (same slot) ──────────┤
 *       │              is past    nack with a delay: backingOff till then  │
 *       └───────────────────────────────────────────────────────────────┘
 *
 * The end of a lease writes nothing: a slot whose `until` has passed is receivable in the same place. When every slot is gone,
 * the header is deleted. Each arrow is one conditional write of one item, so each segment is linearizable:
 *
 * - A claim of all remaining messages requires the version that it read. A claim of some messages requires exactly the slots that
 *   it read, so that claims of different messages of a segment do not conflict.
 * - Ack, extend and nack require the lease token of each message that they change, and so need no read before.
 * - INVARIANT: a slot's token changes only by a claim, and a claim happens only when the slot it replaces is fresh or
 *   its `until` is past on the claimer's clock. So two live leases of one message never exist at once.
 *
 * Everything here is pure: no store, no clock, no randomness.
 */
export interface Segment {
  readonly key: SegmentKey
  /** Every change raises it. */
  readonly version: number
  /** One a message, in order of publication. */
  readonly slots: readonly Slot[]
  /** Epoch ms; when it differs from the due time the messages were published with a delay. */
  readonly publishedAt: number
  /** Epoch ms, on FIFO queues, whose keys hold a sequence number in place of the due time. */
  readonly dueAt?: number
  /** Epoch ms, whole seconds: dropped from then on. */
  readonly expiresAt: number
  /**
   * Epoch ms, whole seconds, on a queue that keeps results: how long the header of an expired segment stays in the store. That is
   * longer than any of its results. So a header that is absent before then was deleted and has not merely expired.
   */
  readonly keptUntil?: number
  /** Items that hold the content apart from the header; 0 when it is in the header itself. */
  readonly bodyItems: number
  /** Why the stored header could not be read, where this stands in for it: see `unreadableSegment`. */
  readonly unreadable?: string
}

export type Slot = Fresh | Lease | Gone

/** Never received. */
export interface Fresh {
  readonly kind: 'fresh'
}

/** Received before, and not to be received again before `until`. */
export interface Lease {
  readonly kind: 'lease'
  /** 8 bytes that nobody can guess: the hash of the receipt handle. */
  readonly token: Uint8Array
  /** Epoch ms. */
  readonly until: number
  /** Times received. */
  readonly receiveCount: number
  /** Epoch ms. */
  readonly firstReceivedAt: number
  /** Given back by a nack or put off by a reschedule: waiting, not being worked on. */
  readonly backingOff: boolean
}

/** Acked, cancelled or moved elsewhere. */
export interface Gone {
  readonly kind: 'gone'
}

export const FRESH: Fresh = { kind: 'fresh' }

export const GONE: Gone = { kind: 'gone' }

export const TOKEN_BYTES = 8

/** How long a header that could not be read is left alone, ms. Another version may be able to read it. */
const UNREADABLE_FOR_MS = 60_000

/**
 * Stands in for a stored header that could not be read: one message in flight. So nothing is received of it, nothing overtakes it in its
 * group, it is counted, and no process takes its partition for empty. No receipt handle has its token.
 */
export const unreadableSegment = (key: SegmentKey, reason: string, now: number): Segment => ({
  key,
  version: 0,
  slots: [
    {
      kind: 'lease',
      token: new Uint8Array(TOKEN_BYTES),
      until: now + UNREADABLE_FOR_MS,
      receiveCount: 0,
      firstReceivedAt: 0,
      backingOff: false,
    },
  ],
  publishedAt: dueAtOf(key.sort),
  expiresAt: Number.POSITIVE_INFINITY,
  bodyItems: 0,
  unreadable: reason,
})

/** Until when a segment's header stays in the store, unless it is deleted, epoch ms. */
export const keptUntil = (segment: Segment): number => segment.keptUntil ?? segment.expiresAt

export const goneCount = (segment: Segment): number => {
  let gone = 0
  for (const slot of segment.slots) if (slot.kind === 'gone') gone++
  return gone
}

/** When the messages became or become due, epoch ms. */
export const segmentDueAt = (segment: Segment): number => segment.dueAt ?? dueAtOf(segment.key.sort)

/** When the message of a slot can next be received, epoch ms; never for one that is gone. */
export const visibleAt = (segment: Segment, slot: Slot): number => slotVisibleAt(slot, freshAt(segment))

/** When the message of a slot can next be received, given when a fresh one can be. */
const slotVisibleAt = (slot: Slot, fresh: number): number =>
  slot.kind === 'fresh' ? fresh : slot.kind === 'lease' ? slot.until : Number.POSITIVE_INFINITY

/** When fresh messages can be received. In a group only a delay makes them wait: a publisher's fast clock must not block the group. */
const freshAt = (segment: Segment): number =>
  segment.dueAt !== undefined && segment.dueAt <= segment.publishedAt ? 0 : segmentDueAt(segment)

/** Places of the messages that may be received now. */
export const receivable = (segment: Segment, now: number): number[] => {
  const indexes: number[] = []
  const fresh = freshAt(segment)
  for (let index = 0; index < segment.slots.length; index++) {
    if (slotVisibleAt(slotAt(segment, index), fresh) <= now) indexes.push(index)
  }
  return indexes
}

/** The earliest instant at which a message of the segment can be received, epoch ms. */
export const nextVisibleAt = (segment: Segment): number => {
  const fresh = freshAt(segment)
  let next = Number.POSITIVE_INFINITY
  for (const slot of segment.slots) next = Math.min(next, slotVisibleAt(slot, fresh))
  return next
}

export const receiveCountOf = (slot: Slot): number => (slot.kind === 'lease' ? slot.receiveCount : 0)

/** The slot of a message. All messages of a segment that can't be read count as in flight. */
export const slotAt = (segment: Segment, index: number): Slot =>
  segment.slots[index] ?? (segment.unreadable === undefined ? GONE : (segment.slots[0] as Slot))

export const sameToken = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let position = 0; position < a.length; position++) if (a[position] !== b[position]) return false
  return true
}

/** Whether `slot` is leased under `token`. */
export const isLeasedUnder = (slot: Slot, token: Uint8Array): slot is Lease =>
  slot.kind === 'lease' && sameToken(slot.token, token)

/** Whether a consumer received the message and has not given it back, whether its lease is over or not. */
export const isHeld = (slot: Slot): slot is Lease => slot.kind === 'lease' && !slot.backingOff

/** A lease ends at `until`: at that very instant the message may be received again. */
export const liveAt = (lease: Lease, now: number): boolean => lease.until > now && !lease.backingOff
