import type { Engine } from '../engine.ts'
import { ifQueueExists } from '../model/errors.ts'
import { groupPartition, groupSort, sequenceAt } from '../model/group.ts'
import {
  asDelayed,
  isDropped,
  partitionOf,
  pollPriorities,
  pollShards,
  type QueueState,
} from '../model/queue-record.ts'
import type { Segment } from '../model/segment.ts'
import { type SegmentKey, type SegmentPartition, sortFrom, sortRightBehind, sortUpTo } from '../model/segment-key.ts'
import { cursorBehind, cursorIn, START, ticketsIn } from '../queues/partitions.ts'
import type { TaskRecord, UndoCursor } from './redrive-task.ts'
import { type UndoCounts, undoCounts, undoSegment } from './undo-segment.ts'

/** The outcome of one page of an undo. */
export interface UndoPage extends UndoCounts {
  readonly cursor: UndoCursor
  readonly done: boolean
}

export interface UndoOptions {
  readonly signal?: AbortSignal | undefined
  /** Whether to count only, and move nothing. */
  readonly dry?: boolean
}

const PAGE = 25
/** Reads of one page, so that an undo of a large queue writes its progress, and can be cancelled, in the meantime. */
const READS = 20
/** Body items that are read at one time: about as many as a publish can have. */
const BODY_ITEMS = 12
/** By how much the clocks of the processes that start, run and end a redrive may differ, and how late its last move may be. */
const MARGIN_MS = 60_000

/**
 * Moves messages of a redrive back to the dead-letter queue: those that have its id and that no consumer has received. Reads
 * in every queue that the redrive recorded what was published there while the redrive ran.
 *
 * A standard queue has redriven messages in its shards alone: a redrive puts no message into a fair group. A shard that was added since
 * has none, and one that was given up is passed through while it may hold messages.
 *
 * reads, all consistent: the record of each queue; on FIFO queues the tickets; each header of the time of the redrive, and the content of
 * those that still have messages · writes: see `undoSegment`
 */
export const undoPage = async (engine: Engine, task: TaskRecord, options: UndoOptions = {}): Promise<UndoPage> => {
  // At most as many as the task moves in a second, so that its progress is written and it can be cancelled every second.
  const limit = Math.min(PAGE, task.maxPerSecond ?? PAGE)
  let page: UndoPage = { moved: 0, received: 0, behind: 0, cursor: task.cursor, done: false }
  for (let read = 0; read < READS && !page.done && page.moved < limit && !options.signal?.aborted; read++) {
    try {
      page = sum(page, await undoNext(engine, { ...task, cursor: page.cursor }, limit, options))
    } catch (error) {
      // The caller first stores what was done. A lasting failure recurs at the start of the next page.
      if (read === 0) throw error
      return page
    }
  }
  return page
}

const sum = (a: UndoPage, b: UndoPage): UndoPage => ({
  ...b,
  ...undoCounts(a, b),
})

const nothing = (cursor: UndoCursor, done = false): UndoPage => ({ moved: 0, received: 0, behind: 0, cursor, done })

/** One read of headers, and what follows from it. */
const undoNext = async (engine: Engine, task: TaskRecord, limit: number, options: UndoOptions): Promise<UndoPage> => {
  const { cursor } = task
  const { target = 0 } = cursor
  const name = task.targets?.[target]
  if (name === undefined) return nothing(cursor, true)
  const queue = await ifQueueExists(engine.queues.fresh(name))
  // A queue that was deleted has no messages any more, and one of its name that was created since never had them.
  const partition = queue && (await partitionAt(engine, queue, task))
  if (!queue || !partition) return nothing({ ...START, target: target + 1 })
  const same = partition.shard === cursor.shard && partition.group === cursor.group
  const range = rangeAt(queue, task, same ? cursor.from : '0')
  if (!range) return nothing({ ...cursorBehind(partition), target })
  const page = await engine.store.headers({ partition, ...range, limit, consistent: true })
  const last = page.segments.at(-1)
  return undoSegments(engine, queue, task, {
    segments: page.segments,
    at: (from) => ({ ...cursorIn(partition, from), target }),
    behind: sortRightBehind(page.more && last ? last.key.sort : range.to),
    held: same && cursor.held === true,
    limit,
    options,
  })
}

/** The partition of the cursor, or the next one that may have messages of the redrive. */
const partitionAt = async (
  engine: Engine,
  queue: QueueState,
  { cursor, window }: TaskRecord,
): Promise<SegmentPartition | undefined> => {
  if (!queue.settings.fifo) return cursor.shard < pollShards(queue) ? partitionOf(queue, cursor.shard) : undefined
  const since = sequenceAt(Math.max(0, (window?.from ?? 0) - MARGIN_MS))
  let from = cursor.group ?? '0'
  for (let { shard } = cursor; shard < pollShards(queue); shard++, from = '0') {
    for await (const ticket of ticketsIn(engine, partitionOf(queue, shard), { from, consistent: true })) {
      // Nothing was published to the other groups since.
      if (ticket.lastSequence >= since) return { ...groupPartition(queue, ticket.group), shard }
    }
  }
  return undefined
}

/** The range of a partition, from a sort key on, in which the messages of the redrive are: of its first priority that has a range left. */
const rangeAt = (
  queue: QueueState,
  { window = { from: 0, to: 0 } }: TaskRecord,
  from: string,
): { from: string; to: string } | undefined => {
  const since = Math.max(0, window.from - MARGIN_MS)
  const until = window.to + MARGIN_MS
  const ranges = queue.settings.fifo
    ? [{ from: groupSort(sequenceAt(since)), to: groupSort(sequenceAt(until)) }]
    : Array.from({ length: pollPriorities(queue) }, (_, priority) => ({
        from: sortFrom(priority, since),
        to: sortUpTo(priority, until),
      })).reverse()
  const range = ranges.find(({ to }) => to >= from)
  return range && { from: from > range.from ? from : range.from, to: range.to }
}

interface Read {
  readonly segments: readonly Segment[]
  /** The cursor at a sort key. */
  readonly at: (sort: string) => UndoCursor
  /** The sort key behind all that was read. */
  readonly behind: string
  /** Whether a message of the group stays that comes before these segments. */
  readonly held: boolean
  readonly limit: number
  readonly options: UndoOptions
}

const undoSegments = async (
  engine: Engine,
  queue: QueueState,
  task: TaskRecord,
  { segments, at, behind, held: heldBefore, limit, options: { signal, dry = false } }: Read,
): Promise<UndoPage> => {
  const { maxPerSecond } = task
  let done = nothing(at(behind))
  let held = heldBefore
  let next = behind
  const cursor = (sort: string): UndoCursor => ({ ...at(sort), ...(held && { held }) })
  try {
    for (const portion of portions(withMessages(queue, segments, engine.clock.now()))) {
      next = portion[0].sort
      for (const found of (await engine.store.read(portion)).filter((one) => one !== undefined)) {
        next = found.segment.key.sort
        if (signal?.aborted || done.moved >= limit) return { ...done, cursor: cursor(next) }
        const one = await undoSegment(engine, queue, task, { found, held, dry })
        held = one.held
        done = sum(done, { ...done, ...one.counts })
        if (one.counts.moved > 0 && maxPerSecond !== undefined && !dry) {
          await engine.clock.sleep((one.counts.moved * 1_000) / maxPerSecond, signal)
        }
      }
    }
  } catch (error) {
    if (done.moved === 0) throw error
    return { ...done, cursor: cursor(next) }
  }
  return { ...done, cursor: cursor(behind) }
}

/** The segments that still have messages. */
const withMessages = (queue: QueueState, segments: readonly Segment[], now: number): readonly Segment[] =>
  segments
    .filter((segment) => segment.slots.some(({ kind }) => kind !== 'gone'))
    .filter((segment) => !isDropped(queue, asDelayed(queue, segment), now))

/**
 * The keys of segments, in portions whose content is read at one time. The content of a whole page of large segments would take more
 * memory than a function has, and each later try would fail at the same place.
 */
const portions = (segments: readonly Segment[]): [SegmentKey, ...SegmentKey[]][] => {
  const all: [SegmentKey, ...SegmentKey[]][] = []
  let left = 0
  for (const { key, bodyItems } of segments) {
    const last = all.at(-1)
    left -= bodyItems
    if (last && left >= 0) last.push(key)
    else {
      all.push([key])
      left = BODY_ITEMS - bodyItems
    }
  }
  return all
}
