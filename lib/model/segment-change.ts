import {
  GONE,
  goneCount,
  isLeasedUnder,
  type Lease,
  liveAt,
  receiveCountOf,
  type Segment,
  type Slot,
  slotAt,
} from './segment.ts'
import type { SegmentKey } from './segment-key.ts'

/** One conditional write of one header. */
export interface Change {
  readonly key: SegmentKey
  readonly requires: Requirement
  /** The new slots; `undefined` deletes the whole segment. */
  readonly slots: readonly (readonly [index: number, slot: Slot])[] | undefined
}

export type Requirement =
  /** The segment has not changed since it was read. */
  | { readonly kind: 'version'; readonly version: number }
  /**
   * Conditions on these slots only. `gone`, when given, is how many other slots must be gone, and `count` how many messages the
   * segment must have been published with. A deletion without a read needs both, because a consumer could forge them in a handle.
   */
  | {
      readonly kind: 'slots'
      readonly slots: readonly (readonly [index: number, expected: SlotCondition])[]
      readonly gone?: number
      readonly count?: number
    }

export type SlotCondition =
  | { readonly kind: 'fresh' }
  /** Exactly the lease that was read. */
  | { readonly kind: 'lease'; readonly lease: Lease }
  /**
   * Leased under this token; with `liveAt`, not ended by then; with `endsBy`, which is after `liveAt`, not to end later than that,
   * unless it backs off.
   */
  | { readonly kind: 'token'; readonly token: Uint8Array; readonly liveAt?: number; readonly endsBy?: number }

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

/** Undoes a claim whose messages reach no consumer, with the receive counts. */
export const unclaim = (before: Segment, claimed: Change): Change => ({
  key: before.key,
  requires: {
    kind: 'slots',
    slots: leasesOf(claimed).map(([index, { token }]) => [index, { kind: 'token', token }]),
  },
  slots: leasesOf(claimed).map(([index]) => [index, slotAt(before, index)]),
})

/** Whether a segment shows that a claim was made: each claimed message has the lease of the claim. */
export const bearsLeases = (segment: Segment | undefined, claimed: Change): boolean =>
  segment !== undefined && leasesOf(claimed).every(([index, { token }]) => isLeasedUnder(slotAt(segment, index), token))

const leasesOf = ({ slots = [] }: Change): [index: number, lease: Lease][] =>
  slots.flatMap(([index, slot]): [number, Lease][] => (slot.kind === 'lease' ? [[index, slot]] : []))

/** Removes messages for good, on condition that they have not changed since they were read. */
export const removeMessages = (segment: Segment, indexes: readonly number[]): Change => ({
  key: segment.key,
  ...(indexes.length + goneCount(segment) === segment.slots.length
    ? { requires: atVersion(segment), slots: undefined }
    : { requires: asRead(segment, indexes), slots: indexes.map((index) => [index, GONE]) }),
})

/** Deletes a segment without messages. */
export const removeSegment = (segment: Segment): Change => ({
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

/** The segment after a change: the rule that every store follows. */
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
      return (
        isLeasedUnder(slot, expected.token) &&
        (expected.liveAt === undefined || liveAt(slot, expected.liveAt)) &&
        (expected.endsBy === undefined || slot.backingOff || slot.until <= expected.endsBy)
      )
  }
}

const sameLease = (slot: Slot, lease: Lease): boolean =>
  isLeasedUnder(slot, lease.token) &&
  slot.until === lease.until &&
  slot.backingOff === lease.backingOff &&
  slot.receiveCount === lease.receiveCount &&
  slot.firstReceivedAt === lease.firstReceivedAt
