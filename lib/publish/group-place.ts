import type { Engine } from '../engine.ts'
import type { ContentMessage } from '../model/content.ts'
import { groupPartition, groupSort, type Sequence, sequenceAfter, sequenceAt } from '../model/group.ts'
import { LIMITS } from '../model/limits.ts'
import { messageBytes } from '../model/message.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { NewSegment, TicketKey, Write } from '../store/port.ts'
import { newSegment } from './new-segment.ts'
import type { Placed } from './publish-once.ts'

export interface GroupPlan {
  readonly now: number
  readonly contents: readonly ContentMessage[]
  /** Seconds, one a message. @default the queue's retention for all */
  readonly timesToLive?: readonly (number | undefined)[]
  /** The last sequence number given in the group, if an earlier try found it. */
  readonly lastSequence?: Sequence | undefined
}

const DAY_MS = 86_400_000
/** Longer than any message without a delay may be kept, so that a ticket never expires before its messages. */
export const TICKET_KEPT_MS = LIMITS.retentionSeconds * 1_000 + DAY_MS
/** The same with the longest delay. Each touch replaces the expiry, and must not make it earlier. */
const TOUCHED_KEPT_MS = TICKET_KEPT_MS + LIMITS.delaySeconds * 1_000

/**
 * The writes that put messages at the end of a group. The first one advances the ticket. Its condition fails when another publisher
 * advanced the ticket first, and the failure has the number to continue after.
 */
export const placeInGroup = (
  engine: Engine,
  queue: QueueState,
  group: string,
  { now, contents, timesToLive = [], lastSequence }: GroupPlan,
): { writes: Write[]; segments: NewSegment[]; placed: Placed[] } => {
  const partition = groupPartition(queue, group)
  const dueAt = now + queue.settings.delaySeconds * 1_000
  // A random number within the millisecond, so that no number is given twice after a ticket was deleted and a clock went back.
  const byClock = sequenceAfter(sequenceAt(now), Math.floor(engine.random.fraction() * 2_048))
  const base = lastSequence !== undefined && lastSequence >= byClock ? sequenceAfter(lastSequence, 1) : byClock
  const placed: Placed[] = []
  const segments: NewSegment[] = []
  for (let start = 0; start < contents.length; ) {
    const end = segmentEnd(contents, timesToLive, start)
    const plan = { priority: 0, dueAt, publishedAt: now, messages: contents.slice(start, end), shard: partition.shard }
    const { segment, content } = newSegment(engine, queue, { ...plan, timeToLiveSeconds: timesToLive[start] })
    const key = { partition, sort: groupSort(sequenceAfter(base, start)) }
    const made: NewSegment = { segment: { ...segment, key, dueAt }, content }
    segments.push(made)
    for (let index = 0; index < end - start; index++) placed.push({ segment: made, index })
    start = end
  }
  const advance: Write = {
    kind: 'advance',
    key: { partition, group },
    from: base,
    to: sequenceAfter(base, contents.length - 1),
    expiresAt: Math.max(now + TICKET_KEPT_MS, ...segments.map(({ segment }) => segment.expiresAt + DAY_MS)),
    lockedUntil: queue.settings.delaySeconds > 0 ? dueAt : 0,
    turn: engine.turns(now),
  }
  return { writes: [advance, ...segments.map((insert): Write => ({ kind: 'insert', insert }))], segments, placed }
}

/**
 * The position behind the last message that shares a segment with the message at `start`. Messages with one time to live share a
 * segment, and in a group they must be neighbours.
 */
const segmentEnd = (
  contents: readonly ContentMessage[],
  timesToLive: readonly (number | undefined)[],
  start: number,
): number => {
  let end = start + 1
  let bytes = messageBytes(contents[start] as ContentMessage)
  for (; end < contents.length && end - start < LIMITS.batchSize && timesToLive[end] === timesToLive[start]; end++) {
    bytes += messageBytes(contents[end] as ContentMessage)
    if (bytes > LIMITS.publishBytes) break
  }
  return end
}

/** The write that opens a group of a standard queue for a new segment. */
export const touchGroup = (engine: Engine, queue: QueueState, group: string, { segment }: NewSegment): Write =>
  touchWrite(engine, { partition: groupPartition(queue, group), group }, segment.key.sort)

/** The write that opens the ticket of a group of a standard queue. `mark` is different each time. */
export const touchWrite = (engine: Engine, key: TicketKey, mark: string): Write => ({
  kind: 'touch',
  key,
  mark,
  expiresAt: engine.clock.now() + TOUCHED_KEPT_MS,
})
