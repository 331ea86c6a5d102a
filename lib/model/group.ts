import { createHash } from 'node:crypto'
import { afterPurge, partitionOf, type QueueState } from './queue-record.ts'
import { liveAt, receiveCountOf, type Segment, type Slot, visibleAt } from './segment.ts'
import type { SegmentPartition } from './segment-key.ts'

/**
 * Message groups of FIFO queues. A group's segments stand in a partition of their own, in the order of their sequence
 * numbers; a ticket tells that the group has messages, and which sequence number was given last.
 *
 * - A publish is one transaction: the ticket advances to a higher number, and the segment is there. So of two publishes
 *   the one that commits later has the higher numbers, whatever the clocks of their publishers say.
 * - INVARIANT: a claim takes the messages at the head of the group, and only while none of the group is leased. It is
 *   one atomic write that requires the version of each segment it takes from, and a claim by anyone else, or an ack
 *   after it, would have changed the first of them. The same write puts an end to every lease of the group that ran
 *   out by itself, so that an extension on its way finds nothing to extend. So no two consumers ever hold messages of
 *   one group at once.
 * - The ticket's lock (`ticket.ts`) only tells pollers where a poll returns nothing. It is never needed for safety: it
 *   runs out, and the poller that finds it wrong corrects it. It is only moved forward, since what a process knows may
 *   be out of date; only to the end of a rest may it be put off, by the poller that locked it and while the lock is as
 *   it was set.
 */

/**
 * A ticket outlives its group's messages until its last number is this old by the clock of who takes it away: a
 * publisher whose clock or request is slow then still meets it and gives a higher one. So a group's numbers rise, also
 * over times when it is empty, unless the clock of a publisher is behind that of a consumer by more than this; a clock
 * that is ahead does no harm.
 *
 * Beyond that, a number may be lower than one of a message that was gone by then. The order of messages is not touched:
 * a ticket goes only from an empty group, so of any two messages that are in the queue together, in flight or not, the
 * one whose publish committed later has the higher number.
 *
 * Not longer: polls read through the tickets of empty groups, a hundred one-off groups a second leave five hundred.
 */
const NUMBERS_KEPT_MS = 5_000

export const isYoung = (lastSequence: Sequence, now: number): boolean =>
  sequenceAt(now - NUMBERS_KEPT_MS) < lastSequence

/** 15 hex digits, 60 bits: the publisher's ms, 12 bits of counter; moved on where a clock would go back. */
export type Sequence = string

const SEQUENCE_DIGITS = 15
const GROUP_DIGITS = 14
const FAIR_GROUP_DIGITS = 8
/** What fills a group's sort key up behind the sequence number. */
const FILLER = '0'.repeat(11)

const toSequence = (value: bigint): Sequence => value.toString(16).padStart(SEQUENCE_DIGITS, '0')
const fromSequence = (sequence: Sequence): bigint => BigInt(`0x${sequence}`)

export const sequenceAt = (at: number): Sequence => toSequence(BigInt(at) << 12n)
export const sequenceAfter = (sequence: Sequence, steps: number): Sequence =>
  toSequence(fromSequence(sequence) + BigInt(steps))

/** Instants as numbers that one process never gives twice: each is higher than the one before. */
export const ascending = (): ((at: number) => Sequence) => {
  let last = NO_SEQUENCE
  return (at) => {
    const now = sequenceAt(Math.floor(at))
    last = now > last ? now : sequenceAfter(last, 1)
    return last
  }
}

/** As SQS shows it: 20 digits. */
export const sequenceNumber = (sequence: Sequence): string => fromSequence(sequence).toString().padStart(20, '0')

export const groupSort = (sequence: Sequence): string => `9${sequence}${FILLER}`
export const sequenceOf = (sort: string): Sequence => sort.slice(1, 1 + SEQUENCE_DIGITS)
/** The number of a segment's last message. */
export const lastSequenceOf = ({ key, slots }: Segment): Sequence =>
  sequenceAfter(sequenceOf(key.sort), slots.length - 1)
/** Before every number. */
export const NO_SEQUENCE: Sequence = '0'.repeat(SEQUENCE_DIGITS)

/** A group of a FIFO queue. */
export const groupHash = (groupId: string): string => hashOf(groupId).slice(0, GROUP_DIGITS)
/**
 * A group of a standard queue, where it stands for fairness, not for order: shorter, to leave room in message ids.
 * Two groups of one hash share their turns.
 */
export const fairGroupHash = (groupId: string): string => hashOf(groupId).slice(0, FAIR_GROUP_DIGITS)
export const isFairGroup = (group: string): boolean => group.length === FAIR_GROUP_DIGITS
/** Whether what stands under this hash is a group of a FIFO queue. */
export const isOrdered = (group: string | undefined): boolean => group !== undefined && !isFairGroup(group)

const hashOf = (groupId: string): string => createHash('sha256').update(groupId).digest('hex')

export const ticketShard = (queue: QueueState, group: string): number =>
  Number.parseInt(group.slice(0, 8), 16) % queue.settings.shards

export const groupPartition = (queue: QueueState, group: string): SegmentPartition => ({
  ...partitionOf(queue, ticketShard(queue, group)),
  group,
})

/** Turns that were taken before this one were taken before the queue's last purge; nothing when it was never purged. */
export const purgeTurn = (queue: QueueState): Sequence | undefined =>
  queue.purgedAt === undefined ? undefined : sequenceAt(afterPurge(queue, 0))

/** What the head of a group allows. */
export type GroupHead =
  /** Messages to take, in order. */
  | { readonly kind: 'ready'; readonly parts: readonly HeadPart[] }
  /** The messages at the head that used up their receives, as far as they are of one segment. */
  | { readonly kind: 'spent'; readonly segment: Segment; readonly indexes: readonly number[] }
  /** Something is in flight: until then, unless its lease is moved. */
  | { readonly kind: 'in-flight'; readonly until: number }
  /** Nothing is in flight, and the head is delayed or was given back to rest. */
  | { readonly kind: 'resting'; readonly until: number }
  | { readonly kind: 'empty' }

export interface HeadPart {
  readonly segment: Segment
  /** Places of the messages to take. */
  readonly indexes: readonly number[]
  /** Places of messages that are not taken and whose leases have run out: these are to be ended for good. */
  readonly ended: readonly number[]
}

/** A claim takes no more, so whatever is in flight is among this many messages at the head. */
export const MOST_IN_FLIGHT = 25

/** Judges a group by the segments at its head, which must reach over at least `MOST_IN_FLIGHT` messages still there. */
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
  const inFlight = left.filter(({ slot }) => slot.kind === 'lease' && liveAt(slot, now))
  if (inFlight.length > 0) return { kind: 'in-flight', until: Math.max(...inFlight.map(heldUntil)) }
  if (head.visibleAt > now) return { kind: 'resting', until: heldUntil(head) }
  const isSpent = ({ slot }: Left) => receiveCountOf(slot) >= maxReceives
  // What follows a message that rests or is to be dead-lettered waits for its turn.
  const run = leading(left, (one) => one.visibleAt <= now && isSpent(one) === isSpent(head))
  if (isSpent(head)) {
    const { segment } = head
    return { kind: 'spent', segment, indexes: leading(run, (one) => one.segment === segment).map(({ index }) => index) }
  }
  const taken = new Set(run.slice(0, Math.min(want, MOST_IN_FLIGHT)))
  const parts = segments.map((segment): HeadPart => {
    const here = left.filter((one) => one.segment === segment)
    return {
      segment,
      indexes: here.filter((one) => taken.has(one)).map(({ index }) => index),
      ended: here.filter((one) => !taken.has(one) && isHeld(one.slot)).map(({ index }) => index),
    }
  })
  return { kind: 'ready', parts: parts.filter(({ indexes, ended }) => indexes.length + ended.length > 0) }
}

interface Left {
  readonly segment: Segment
  readonly slot: Slot
  readonly index: number
  readonly visibleAt: number
}

const heldUntil = ({ segment, visibleAt: at }: Left): number => Math.min(at, segment.expiresAt)
/** Leased to someone who has not given it back, be the lease over or not. */
const isHeld = (slot: Slot): boolean => slot.kind === 'lease' && !slot.resting

const leading = <T>(list: readonly T[], holds: (one: T) => boolean): T[] => {
  const end = list.findIndex((one) => !holds(one))
  return list.slice(0, end < 0 ? list.length : end)
}
