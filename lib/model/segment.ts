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
 * Lease expiry writes nothing: a slot whose `until` has passed is receivable where it always was. When every slot is
 * gone the header is deleted. Each arrow is one conditional write of one item, so a segment is linearizable by itself:
 *
 * - A claim of all that is left requires the version it read; a claim of some requires exactly the slots it read, so
 *   that claims of different messages of a segment don't disturb each other.
 * - Ack, extend and nack require the lease token of each message they touch, and so need no read before.
 * - INVARIANT: a slot's token changes only by a claim, and a claim happens only when the slot it replaces is fresh or
 *   its `until` is past on the claimer's clock. So two live leases of one message never exist at once.
 *
 * Everything here is pure: no store, no clock, no randomness.
 */
export interface Segment {
  readonly key: SegmentKey
  /** Rises with every change. */
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
   * Epoch ms, whole seconds, where the queue keeps results: how long the header of an expired segment stays in the store, which
   * is longer than any of its results. So a header that is absent before then was deleted, and never merely expired.
   */
  readonly keptUntil?: number
  /** Items that hold the content apart from the header; 0 when it is in the header itself. */
  readonly bodyItems: number
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

/** One conditional write of one header. */
export interface Change {
  readonly key: SegmentKey
  readonly requires: Requirement
  /** What the slots become; `undefined` deletes the whole segment. */
  readonly slots: readonly (readonly [index: number, slot: Slot])[] | undefined
}

export type Requirement =
  /** Nothing at all changed since it was read. */
  | { readonly kind: 'version'; readonly version: number }
  /**
   * Only these slots matter; `gone`, when given, is how many others must be gone, and `count` how many messages the
   * segment must have been published with: what a deletion without a read must not take anybody's word for.
   */
  | {
      readonly kind: 'slots'
      readonly slots: readonly (readonly [index: number, expected: SlotCondition])[]
      readonly gone?: number
      readonly count?: number
    }

export type SlotCondition =
  | { readonly kind: 'fresh' }
  /** Exactly this lease, as it was read. */
  | { readonly kind: 'lease'; readonly lease: Lease }
  /** Leased under this token; with `liveAt`, not ended by then. */
  | { readonly kind: 'token'; readonly token: Uint8Array; readonly liveAt?: number }

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

/** The same, where it is known from when on a fresh one can be received. */
const slotVisibleAt = (slot: Slot, fresh: number): number =>
  slot.kind === 'fresh' ? fresh : slot.kind === 'lease' ? slot.until : Number.POSITIVE_INFINITY

/** In a group nothing waits for a clock but a delay, or one publisher's fast clock would hold up all the others. */
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

/** The earliest instant at which anything of the segment can be received, epoch ms. */
export const nextVisibleAt = (segment: Segment): number => {
  const fresh = freshAt(segment)
  let next = Number.POSITIVE_INFINITY
  for (const slot of segment.slots) next = Math.min(next, slotVisibleAt(slot, fresh))
  return next
}

export const receiveCountOf = (slot: Slot): number => (slot.kind === 'lease' ? slot.receiveCount : 0)

const MAX_RECEIVE_COUNT = 0x7fff

/** The token of a message's new lease. */
export type TokenOf = (index: number, lease: Pick<Lease, 'receiveCount' | 'firstReceivedAt'>) => Uint8Array

/** Leases the given receivable messages until `until`. */
export const claim = (
  segment: Segment,
  indexes: readonly number[],
  lease: { token: Uint8Array | TokenOf; now: number; until: number },
): Change => {
  const slots = indexes.map((index) => {
    const before = slotAt(segment, index)
    const receiveCount = Math.min(receiveCountOf(before) + 1, MAX_RECEIVE_COUNT)
    const firstReceivedAt = before.kind === 'lease' && before.receiveCount > 0 ? before.firstReceivedAt : lease.now
    const token =
      typeof lease.token === 'function' ? lease.token(index, { receiveCount, firstReceivedAt }) : lease.token
    const claimed: Lease = {
      kind: 'lease',
      token,
      until: lease.until,
      receiveCount,
      firstReceivedAt,
      backingOff: false,
    }
    return [index, claimed] as const
  })
  const whole = indexes.length + goneCount(segment) === segment.slots.length
  return { key: segment.key, requires: whole ? atVersion(segment) : asRead(segment, indexes), slots }
}

/** Undoes a claim whose messages nobody will get, receive counts included. */
export const unclaim = (before: Segment, claimed: Change): Change => ({
  key: before.key,
  requires: {
    kind: 'slots',
    slots: leasesOf(claimed).map(([index, { token }]) => [index, { kind: 'token', token }]),
  },
  slots: leasesOf(claimed).map(([index]) => [index, slotAt(before, index)]),
})

/** Whether a claim was made, as far as a segment shows: each message bears the lease that the claim gives it. */
export const bearsLeases = (segment: Segment | undefined, claimed: Change): boolean =>
  segment !== undefined && leasesOf(claimed).every(([index, { token }]) => holds(slotAt(segment, index), token))

const leasesOf = ({ slots = [] }: Change): [index: number, lease: Lease][] =>
  slots.flatMap(([index, slot]): [number, Lease][] => (slot.kind === 'lease' ? [[index, slot]] : []))

/** Takes messages away for good, provided that they are as they were read. */
export const take = (segment: Segment, indexes: readonly number[]): Change => ({
  key: segment.key,
  ...(indexes.length + goneCount(segment) === segment.slots.length
    ? { requires: atVersion(segment), slots: undefined }
    : { requires: asRead(segment, indexes), slots: indexes.map((index) => [index, GONE]) }),
})

/** Deletes a segment that holds nothing to be received any more. */
export const remove = (segment: Segment): Change => ({
  key: segment.key,
  requires: atVersion(segment),
  slots: undefined,
})

export const atVersion = (segment: Segment): Requirement => ({ kind: 'version', version: segment.version })

export const asRead = (segment: Segment, indexes: readonly number[]): Requirement => ({
  kind: 'slots',
  slots: indexes.map((index) => {
    const slot = slotAt(segment, index)
    return [index, slot.kind === 'lease' ? { kind: 'lease', lease: slot } : { kind: 'fresh' }]
  }),
})

export const slotAt = (segment: Segment, index: number): Slot => segment.slots[index] ?? GONE

export const sameToken = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let position = 0; position < a.length; position++) if (a[position] !== b[position]) return false
  return true
}

/** Whether `slot` is leased under `token`, whoever's turn it was to know. */
export const holds = (slot: Slot, token: Uint8Array): slot is Lease =>
  slot.kind === 'lease' && sameToken(slot.token, token)

/** What a change makes of a segment: the rule that every store follows. */
export const applyChange = (
  segment: Segment | undefined,
  change: Change,
): { readonly applied: true; readonly segment: Segment | undefined } | { readonly applied: false } => {
  if (!segment || !satisfied(segment, change.requires)) return { applied: false }
  if (!change.slots) return { applied: true, segment: undefined }
  const slots = [...segment.slots]
  for (const [index, slot] of change.slots) slots[index] = slot
  return { applied: true, segment: { ...segment, version: segment.version + 1, slots } }
}

const satisfied = (segment: Segment, requires: Requirement): boolean => {
  if (requires.kind === 'version') return segment.version === requires.version
  if (requires.gone !== undefined && goneCount(segment) !== requires.gone) return false
  if (requires.count !== undefined && segment.slots.length !== requires.count) return false
  return requires.slots.every(([index, expected]) => meets(slotAt(segment, index), expected))
}

const meets = (slot: Slot, expected: SlotCondition): boolean => {
  switch (expected.kind) {
    case 'fresh':
      return slot.kind === 'fresh'
    case 'lease':
      return sameLease(slot, expected.lease)
    case 'token':
      return holds(slot, expected.token) && (expected.liveAt === undefined || liveAt(slot, expected.liveAt))
  }
}

const sameLease = (slot: Slot, lease: Lease): boolean =>
  holds(slot, lease.token) &&
  slot.until === lease.until &&
  slot.backingOff === lease.backingOff &&
  slot.receiveCount === lease.receiveCount &&
  slot.firstReceivedAt === lease.firstReceivedAt

/** A lease ends at `until`: at that very instant the message may be received again. */
export const liveAt = (lease: Lease, now: number): boolean => lease.until > now && !lease.backingOff
