import { createHash } from 'node:crypto'
import { QUEUE_CACHE_MS } from './limits.ts'
import { partitionOf, type QueueState } from './queue-record.ts'
import { liveAt, receiveCountOf, type Segment, type Slot, visibleAt } from './segment.ts'
import type { SegmentPartition } from './segment-key.ts'

/**
 * Message groups of FIFO queues. A group's segments are stored in a partition of their own, in the order of their sequence
 * numbers. A ticket says that the group has messages, and which sequence number was given last.
 *
 * - A publish is one transaction, which advances the ticket to a higher number and inserts the segment. So of two publishes the
 *   one that commits later has the higher numbers, by any clock.
 * - INVARIANT: a claim leases messages from the front of the group: the first one that is stored, and those that follow it
 *   without a gap, up to the first one that is in flight, delayed or backing off. The claim is one atomic write that requires
 *   each of its messages to be as it was read, and no message is ever inserted before these. From this follows:
 *
 *   - Every receive of a message has before it, in the same batch, all messages of the group that were published before it and
 *     are still stored. So first receives are in order, and no message is received past one that is in flight, delayed or
 *     backing off.
 *   - While a consumer holds a message, no other consumer receives that message or a later one of its group. A claim replaces a
 *     lease that is over by the claimer's clock: the claim fails when the lease was extended first, and an extension that comes
 *     later finds another token.
 *   - A message that a consumer holds does not block messages *before* it. When earlier messages of its batch are given back, or
 *     their leases end, any consumer can receive them. Then two consumers hold messages of one group at the same time. SQS does
 *     the same.
 * - The ticket's lock (`ticket.ts`) only says until when a poll of the group returns nothing. Safety never depends on it: the lock
 *   ends, and a poller that finds it wrong corrects it. The end of a lock only moves to an earlier instant, since a process's
 *   knowledge may be out of date. One exception: the poller that set a lock may move its end to the instant at which a delayed or
 *   backing off head can be received, while no other process has changed the lock.
 */

/**
 * A ticket outlives its group's messages until its last number is this old by the clock of the process that deletes it: a
 * publisher whose clock or request is slow then still finds it and gives a higher number. So a group's numbers rise, also
 * over times when it is empty, unless the clock of a publisher is behind that of a consumer by more than this. A clock that
 * is ahead does no harm.
 *
 * After this time, a new number may be lower than that of a message that is gone. The order of messages is kept: a ticket is
 * deleted only from an empty group, so of any two messages that are in the queue at the same time, in flight or not, the one whose
 * publish committed later has the higher number.
 *
 * The time is not longer, because polls read the tickets of empty groups: a hundred new groups a second leave five hundred of them.
 */
const NUMBERS_KEPT_MS = 5_000

export const isNumberKept = (lastSequence: Sequence, now: number): boolean =>
  sequenceAt(now - NUMBERS_KEPT_MS) < lastSequence

/** 15 hex digits, 60 bits: the publisher's ms and 12 bits of counter. It is raised when a clock has gone back. */
export type Sequence = string

const SEQUENCE_DIGITS = 15
const GROUP_DIGITS = 14
const FAIR_GROUP_DIGITS = 8
/** Pads a group's sort key behind the sequence number. */
const FILLER = '0'.repeat(11)

export const isSequence = (text: string): text is Sequence => /^[0-9a-f]{15}$/.test(text)

const toSequence = (value: bigint): Sequence => value.toString(16).padStart(SEQUENCE_DIGITS, '0')
const fromSequence = (sequence: Sequence): bigint => BigInt(`0x${sequence}`)

export const sequenceAt = (at: number): Sequence => toSequence(BigInt(Math.floor(at)) << 12n)
export const sequenceAfter = (sequence: Sequence, steps: number): Sequence =>
  toSequence(fromSequence(sequence) + BigInt(steps))

/** Turns instants into sequence numbers, each higher than the one before. */
export const ascending = (): ((at: number) => Sequence) => {
  let last = NO_SEQUENCE
  return (at) => {
    const now = sequenceAt(Math.floor(at))
    last = now > last ? now : sequenceAfter(last, 1)
    return last
  }
}

/** A sequence number as SQS shows it, in 20 digits. */
export const sequenceNumber = (sequence: Sequence): string => fromSequence(sequence).toString().padStart(20, '0')

export const groupSort = (sequence: Sequence): string => `9${sequence}${FILLER}`
export const sequenceOf = (sort: string): Sequence => sort.slice(1, 1 + SEQUENCE_DIGITS)
/** The number of a segment's last message. */
export const lastSequenceOf = ({ key, slots }: Segment): Sequence =>
  sequenceAfter(sequenceOf(key.sort), slots.length - 1)
/** Lower than every sequence number. */
export const NO_SEQUENCE: Sequence = '0'.repeat(SEQUENCE_DIGITS)

/** A group of a FIFO queue. */
export const groupHash = (groupId: string): string => hashOf(groupId).slice(0, GROUP_DIGITS)
/**
 * A group of a standard queue, where groups mean fairness and not order. It is shorter, to leave room in message ids.
 * Two groups of one hash share their turns.
 */
export const fairGroupHash = (groupId: string): string => hashOf(groupId).slice(0, FAIR_GROUP_DIGITS)
export const isFairGroup = (group: string): boolean => group.length === FAIR_GROUP_DIGITS
/** Whether this hash is one of a group of a FIFO queue. */
export const isOrdered = (group: string | undefined): boolean => group !== undefined && !isFairGroup(group)

const hashOf = (groupId: string): string => createHash('sha256').update(groupId).digest('hex')

export const ticketShard = (queue: QueueState, group: string): number =>
  Number.parseInt(group.slice(0, 8), 16) % queue.settings.shards

export const groupPartition = (queue: QueueState, group: string): SegmentPartition => ({
  ...partitionOf(queue, ticketShard(queue, group)),
  group,
})

/** How long after a change of a queue's settings a process may still act on the old ones. */
const CHANGE_KNOWN_MS = QUEUE_CACHE_MS + 1_000

/**
 * Locks that were set before this instant, epoch ms, are stale; `undefined` when no lock is. After a purge no earlier message is
 * in flight, and after a delay was lowered, messages are due sooner than their tickets say. If a group with a stale lock does have
 * messages in flight, it is polled once and locked again. A process that does not know of the lowered delay yet may lock a
 * ticket for too long once more. When all processes know of it, those locks are stale too.
 */
export const locksStaleBefore = ({ purgedAt, delayLoweredAt }: QueueState, now: number): number | undefined => {
  const instants = []
  if (purgedAt !== undefined) instants.push(purgedAt + 1)
  if (delayLoweredAt !== undefined) {
    const known = delayLoweredAt + CHANGE_KNOWN_MS
    instants.push(now < known ? delayLoweredAt : known)
  }
  return instants.length === 0 ? undefined : Math.max(...instants)
}

/** The same instant as a turn: locks that were set with an earlier turn are stale. */
export const staleTurnsBefore = (queue: QueueState, now: number): Sequence | undefined => {
  const instant = locksStaleBefore(queue, now)
  return instant === undefined ? undefined : sequenceAt(instant)
}

/** What a poll can do with the head of a group. */
export type GroupHead =
  /** Messages to claim, in order. */
  | { readonly kind: 'ready'; readonly parts: readonly HeadPart[] }
  /** The exhausted messages at the head, as far as they are of one segment. */
  | { readonly kind: 'exhausted'; readonly segment: Segment; readonly indexes: readonly number[] }
  /** The first message is in flight until this instant, unless its lease is changed. */
  | { readonly kind: 'in-flight'; readonly until: number }
  /** The first message is delayed, or was given back and backs off. */
  | { readonly kind: 'backing-off'; readonly until: number }
  | { readonly kind: 'empty' }

export interface HeadPart {
  readonly segment: Segment
  /** Places of the messages to claim. */
  readonly indexes: readonly number[]
}

/** Decides what a poll does with a group, by the segments at its head. They must hold at least `want` messages if the group has so many. */
export const judgeHead = (
  segments: readonly Segment[],
  {
    now,
    want,
    maxReceives = Number.POSITIVE_INFINITY,
  }: { now: number; want: number; maxReceives?: number | undefined },
): GroupHead => {
  const left = segments.flatMap((segment) =>
    segment.slots.flatMap((slot, index): Left[] =>
      slot.kind === 'gone' ? [] : [{ segment, slot, index, visibleAt: visibleAt(segment, slot) }],
    ),
  )
  const [head] = left
  if (!head) return { kind: 'empty' }
  const front = leading(left, (one) => one.visibleAt <= now)
  if (front.length === 0) {
    const inFlight = head.slot.kind === 'lease' && liveAt(head.slot, now)
    return { kind: inFlight ? 'in-flight' : 'backing-off', until: heldUntil(head) }
  }
  const isExhausted = ({ slot }: Left) => receiveCountOf(slot) >= maxReceives
  // Messages behind exhausted ones wait until these are dead-lettered.
  const run = leading(front, (one) => isExhausted(one) === isExhausted(head))
  if (isExhausted(head)) {
    const { segment } = head
    return { kind: 'exhausted', segment, indexes: indexesIn(segment, run) }
  }
  const claimable = run.slice(0, want)
  const parts = segments.map((segment): HeadPart => ({ segment, indexes: indexesIn(segment, claimable) }))
  return { kind: 'ready', parts: parts.filter(({ indexes }) => indexes.length > 0) }
}

const indexesIn = (segment: Segment, messages: readonly Left[]): number[] =>
  messages.flatMap((one) => (one.segment === segment ? [one.index] : []))

interface Left {
  readonly segment: Segment
  readonly slot: Slot
  readonly index: number
  readonly visibleAt: number
}

const heldUntil = ({ segment, visibleAt: at }: Left): number => Math.min(at, segment.expiresAt)
const leading = <T>(list: readonly T[], holds: (one: T) => boolean): T[] => {
  const end = list.findIndex((one) => !holds(one))
  return list.slice(0, end < 0 ? list.length : end)
}
