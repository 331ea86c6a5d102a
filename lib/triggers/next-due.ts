import type { Engine } from '../engine.ts'
import { isHoldfastError } from '../model/errors.ts'
import { groupPartition, staleTurnsBefore } from '../model/group.ts'
import {
  asDelayed,
  isDropped,
  partitionOf,
  pollPriorities,
  pollShards,
  type QueueState,
} from '../model/queue-record.ts'
import { nextVisibleAt } from '../model/segment.ts'
import { dueAtOf, type SegmentPartition, sortFrom, sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import { isLockStale, type Ticket } from '../model/ticket.ts'
import { ticketsIn } from '../queues/partitions.ts'
import { readHead } from '../receive/group-head.ts'

export interface NextDue {
  /** The earliest instant at which a message can be received, epoch ms; Infinity when there is none. */
  readonly at: number
  /** Whether the queue holds any message, in flight or due at any time. */
  readonly left: boolean
  /** The queue is paused: no message is due until it is resumed. */
  readonly paused?: true
}

export const NOTHING: NextDue = { at: Number.POSITIVE_INFINITY, left: false }
const PAUSED: NextDue = { at: Number.POSITIVE_INFINITY, left: true, paused: true }
const PAGE = 1_000
const END_OF_TIME = 2 ** 48 - 1

/**
 * When a queue next has a message to receive: the last scan of a run that is about to end. No hint may mislead it. It reads the
 * queue's record from the store and, consistently, every header of every shard, priority and group, and stops at the first header
 * that is due by `soon`.
 *
 * reads: the queue's record and layout, and about 0.5 read units for each 20 headers before `soon`; at least one query for each
 * shard and priority, and for each group that has a ticket · writes: nothing
 */
export const nextDue = async (engine: Engine, queueName: string, soon: number): Promise<NextDue> => {
  let queue: QueueState
  try {
    queue = await engine.queues.fresh(queueName)
  } catch (error) {
    if (isHoldfastError(error, 'QueueNotFound')) return NOTHING
    throw error
  }
  if (queue.settings.paused) return PAUSED
  let found = NOTHING
  for await (const next of looks(engine, queue, soon)) {
    found = { at: Math.min(found.at, next.at), left: found.left || next.left }
    if (found.at <= soon) return found
  }
  return found
}

/** When a message is next due in each place where the queue may have one, place after place. */
async function* looks(engine: Engine, queue: QueueState, soon: number): AsyncGenerator<NextDue> {
  const { fifo } = queue.settings
  for (let shard = 0; shard < pollShards(queue); shard++) {
    const partition = partitionOf(queue, shard)
    if (!fifo) {
      for (let priority = pollPriorities(queue) - 1; priority >= 0; priority--) {
        yield await inPartition(engine, queue, partition, priority, soon)
      }
    }
    if (!fifo && !queue.grouped) continue
    for await (const ticket of ticketsIn(engine, partition, { consistent: true })) {
      yield await inGroup(engine, queue, { ...ticket, shard }, soon)
    }
  }
}

/** When a group next has a message to receive. Polls skip a group until its lock ends, unless the lock is stale. */
const inGroup = async (engine: Engine, queue: QueueState, ticket: Ticket, soon: number): Promise<NextDue> => {
  const stale = isLockStale(ticket, staleTurnsBefore(queue, engine.clock.now()))
  const lockedUntil = stale ? 0 : ticket.lockedUntil
  if (lockedUntil === Number.POSITIVE_INFINITY) return NOTHING
  if (lockedUntil > soon) return { at: lockedUntil, left: true }
  const partition = { ...groupPartition(queue, ticket.group), shard: ticket.shard }
  if (!queue.settings.fifo) return inPartition(engine, queue, partition, 0, soon)
  const { head } = await readHead(
    engine,
    queue,
    { partition, group: ticket.group },
    { want: 1, maxReceives: undefined },
  )
  if (head.kind === 'empty') return NOTHING
  const at = head.kind === 'ready' || head.kind === 'exhausted' ? engine.clock.now() : head.until
  return { at: Math.max(at, lockedUntil), left: true }
}

/** When one priority of a shard, or a fair group, next has a message to receive. */
const inPartition = async (
  engine: Engine,
  queue: QueueState,
  partition: SegmentPartition,
  priority: number,
  soon: number,
): Promise<NextDue> => {
  let at = Number.POSITIVE_INFINITY
  let left = false
  for (let from = sortFrom(priority); ; ) {
    const to = sortUpTo(priority, soon)
    const page = await engine.store.headers({ partition, from, to, limit: PAGE, consistent: true })
    for (const stored of page.segments) {
      const segment = asDelayed(queue, stored)
      const visibleAt = nextVisibleAt(segment)
      if (visibleAt === Number.POSITIVE_INFINITY || isDropped(queue, segment, engine.clock.now())) continue
      left = true
      at = Math.min(at, visibleAt)
      if (at <= soon) return { at, left }
    }
    const last = page.segments.at(-1)
    if (!page.more || !last) break
    from = sortRightBehind(last.key.sort)
  }
  const later = { partition, from: sortFrom(priority, soon + 1), to: sortUpTo(priority, END_OF_TIME), limit: 1 }
  const [next] = (await engine.store.headers({ ...later, consistent: true })).segments
  return next ? { at: Math.min(at, dueAtOf(next.key.sort)), left: true } : { at, left }
}
