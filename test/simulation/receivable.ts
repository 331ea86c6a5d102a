import { isDropped, type QueueState } from '../../lib/model/queue-record.ts'
import { liveAt, receivable, type Segment, type Slot, segmentDueAt, visibleAt } from '../../lib/model/segment.ts'
import { priorityOf } from '../../lib/model/segment-key.ts'
import type { World } from './world.ts'

/** A unit that polls serve in turns: a priority of a queue, or one of its groups. */
export interface Lane {
  readonly name: string
  /** The messages that a poll could receive now, by their places, each as it is stored. */
  readonly waiting: ReadonlyMap<string, Slot>
}

/**
 * What a poll with consistent reads and no hints could receive of a queue now. A priority counts only while no higher one has anything
 * to receive, since polls serve the highest first. Of a group of a FIFO queue only the head counts.
 */
export const receivableNow = (world: Pick<World, 'observer' | 'history'>, queue: QueueState, now: number): Lane[] => {
  const lanes = new Map<string, Map<string, Slot>>()
  let highest = 0
  for (const segments of world.observer.partitions().values()) {
    const [first] = segments.values()
    if (first?.key.partition.queue !== queue.name || first.key.partition.generation !== queue.generation) continue
    const kept = [...segments.values()].filter(
      (segment) => !isDropped(queue, segment, now) && !mayBeHidden(world, segment),
    )
    const { group } = first.key.partition
    const found = queue.settings.fifo ? headOf(kept, now) : isFull(queue, group, kept, now) ? [] : placesOf(kept, now)
    for (const [segment, index] of found) {
      const priority = priorityOf(segment.key.sort)
      if (group === undefined) highest = Math.max(highest, priority)
      const name = group === undefined ? `priority ${priority} of ${queue.name}` : `group ${group} of ${queue.name}`
      const waiting = lanes.get(name) ?? new Map<string, Slot>()
      lanes.set(name, waiting)
      waiting.set(`${segment.key.sort}/${index}`, segment.slots[index] as Slot)
    }
  }
  return [...lanes]
    .filter(([name]) => !name.startsWith('priority') || name === `priority ${highest} of ${queue.name}`)
    .map(([name, waiting]) => ({ name, waiting }))
}

/**
 * Whether polls may pass by a segment for good. A publish to a group of a standard queue stores the segment first, then the ticket by
 * which polls find the group. A publisher that got no answer may have stored the segment alone: polls find that with the next publish
 * to its group. Segments of FIFO groups appear together with their tickets. Nor do polls find a segment that a late first sending stores
 * again after all of its messages are gone, and with them the ticket.
 */
export const mayBeHidden = ({ history }: Pick<World, 'history'>, { key }: Segment): boolean => {
  const { group } = key.partition
  if (group === undefined || group.length > STANDARD_GROUP_DIGITS) return false
  return history.ledger
    .idsIn(key)
    .every(
      (messageId) =>
        history.repeated.has(messageId) ||
        (!history.answered.has(messageId) && history.ledger.of(messageId)?.leases.length === 0),
    )
}

/** The digits of a group's hash on a standard queue; on FIFO queues it has 14. */
const STANDARD_GROUP_DIGITS = 8

type Place = readonly [segment: Segment, index: number]

const placesOf = (segments: readonly Segment[], now: number): Place[] =>
  segments
    .filter((segment) => segmentDueAt(segment) <= now)
    .flatMap((segment) => receivable(segment, now).map((index): Place => [segment, index]))

/** The first message that is stored, unless it is in flight, delayed or backing off. */
const headOf = (segments: readonly Segment[], now: number): Place[] => {
  const inOrder = [...segments].sort((a, b) => (a.key.sort < b.key.sort ? -1 : 1))
  for (const segment of inOrder) {
    const index = segment.slots.findIndex(({ kind }) => kind !== 'gone')
    if (index < 0) continue
    return visibleAt(segment, segment.slots[index] as Slot) <= now ? [[segment, index]] : []
  }
  return []
}

/** Whether a group has as many messages in flight as it may. */
const isFull = (
  { settings: { maxInFlightPerGroup } }: QueueState,
  group: string | undefined,
  segments: readonly Segment[],
  now: number,
): boolean => {
  if (group === undefined || maxInFlightPerGroup === undefined) return false
  const inFlight = segments.flatMap(({ slots }) => slots.filter((slot) => slot.kind === 'lease' && liveAt(slot, now)))
  return inFlight.length >= maxInFlightPerGroup
}
