import type { Engine } from '../engine.ts'
import { bodyOf, type ContentMessage, withoutRedrive } from '../model/content.ts'
import { isHoldfastError } from '../model/errors.ts'
import { bodyText } from '../model/message.ts'
import { encodeMessageId } from '../model/message-id.ts'
import { plainName } from '../model/queue-name.ts'
import { asDelayed, isDropped, type QueueState, scopeOf } from '../model/queue-record.ts'
import { receivable, type Segment, visibleAt } from '../model/segment.ts'
import { removeMessages } from '../model/segment-change.ts'
import { priorityOf, type SegmentPartition, sortRightBehind } from '../model/segment-key.ts'
import { type Cursor, cursorBehind, cursorIn, partitions } from '../queues/partitions.ts'
import { endingWrites } from '../results/write-results.ts'
import type { StoredSegment } from '../store/port.ts'
import { moveTo } from './move.ts'
import { isSelected, isTracked, MAX_TARGETS, type RedriveFilter, type TaskRecord } from './redrive-task.ts'

/** The outcome of one page of a redrive. */
export interface Move {
  readonly moved: number
  readonly cursor: TaskRecord['cursor']
  readonly done: boolean
  /** The targets with a new one. The caller stores them before any message moves to it. */
  readonly targets?: readonly string[]
  /** There are too many targets to record. */
  readonly untracked?: true
}

const PAGE = 25

/**
 * Moves the messages of one page of the dead-letter queue that the task selects. Leased messages stay. On a FIFO queue all messages
 * behind them in their group stay too, or the order would be lost. Messages that arrived after the task began also stay, or a message
 * that fails again at once would be moved for ever.
 */
export const movePage = async (engine: Engine, task: TaskRecord, signal: AbortSignal | undefined): Promise<Move> => {
  const source = await engine.queues.get(task.source)
  const { from } = task.cursor
  const { value: partition } = await partitions(engine, source, task.cursor).next()
  if (!partition) return { moved: 0, cursor: task.cursor, done: true }
  const here = cursorIn(partition, samePartition(partition, task.cursor) ? from : '0')
  // At most as many as the task moves in a second, so that its progress is written and it can be cancelled every second.
  const limit = Math.min(PAGE, task.maxPerSecond ?? PAGE)
  const page = await engine.store.headers({ partition, from: here.from, to: '~', limit, consistent: true })
  let moved = 0
  for (const segment of page.segments) {
    // The cursor stays before the messages that are not moved yet: the next runner starts there.
    if (signal?.aborted || moved >= limit) return { moved, cursor: cursorIn(partition, segment.key.sort), done: false }
    const before = moved
    try {
      const end = await moveSegment(engine, source, task, segment, (count) => {
        moved += count
      })
      if (end === 'held up') return { moved, cursor: cursorBehind(partition), done: false }
      if (end) return { moved, cursor: cursorIn(partition, segment.key.sort), done: false, ...withTarget(task, end) }
    } catch (error) {
      // The caller first stores how many messages were moved. A lasting failure recurs at the start of the next page.
      if (moved === 0) throw error
      return { moved, cursor: cursorIn(partition, segment.key.sort), done: false }
    }
    if (task.maxPerSecond !== undefined && moved > before) {
      await engine.clock.sleep(((moved - before) * 1_000) / task.maxPerSecond, signal)
    }
  }
  const last = page.segments.at(-1)
  const more = page.more && last
  return {
    moved,
    cursor: more ? cursorIn(partition, sortRightBehind(last.key.sort)) : cursorBehind(partition),
    done: false,
  }
}

const samePartition = ({ shard, group }: SegmentPartition, place: Cursor): boolean =>
  shard === place.shard && group === place.group

/** The name of a target that the task has not recorded yet. Nothing was moved to it. */
interface NewTarget {
  readonly target: string
}

/**
 * The task's targets with a new one. They are stored before any message moves there, because only they tell an undo where the messages
 * are. After a crash at any point, a message in a queue that the task does not name was not moved by it.
 */
const withTarget = ({ targets = [] }: TaskRecord, { target }: NewTarget): Pick<Move, 'targets' | 'untracked'> =>
  targets.length < MAX_TARGETS ? { targets: [...targets, target] } : { untracked: true }

/**
 * Moves the selected messages of a segment. Returns `held up` when a message stays that no later message of its group may overtake, or
 * a target that must be recorded first.
 */
const moveSegment = async (
  engine: Engine,
  source: QueueState,
  task: TaskRecord,
  read: Segment,
  count: (moved: number) => void,
): Promise<'held up' | NewTarget | undefined> => {
  const header = asDelayed(source, read)
  const now = engine.clock.now()
  if (header.publishedAt > task.startedAt || isDropped(source, header, now)) return undefined
  const heldUp = source.settings.fifo !== undefined && holdsUpGroup(header, now)
  if (heldUp) return 'held up'
  if (receivable(header, now).length === 0) return undefined
  const [current] = await engine.store.read([header.key])
  // Nothing in its group may overtake a message whose content can't be read.
  if (!current?.content) return source.settings.fifo && current?.unreadable !== undefined ? 'held up' : undefined
  const stored = { ...current, segment: asDelayed(source, current.segment) }
  for (const [target, indexes] of await targetsOf(engine, task, stored)) {
    if (isTracked(task) && !task.targets?.includes(target.name)) return { target: target.name }
    const moved = await moveMessages(engine, { source, task, target }, stored, indexes)
    count(moved)
    // A consumer received some of them concurrently.
    if (source.settings.fifo && moved < indexes.length) return 'held up'
    // The move changed the segment, which the next move must read again.
    if (indexes.length < receivable(stored.segment, now).length) {
      return moveSegment(engine, source, task, header, count)
    }
  }
  return undefined
}

/** Whether a message of the segment cannot be received now, so that nothing behind it in its group may be moved. */
const holdsUpGroup = (segment: Segment, now: number): boolean =>
  segment.slots.some((slot) => slot.kind !== 'gone' && visibleAt(segment, slot) > now)

/** The target queue of each message that can be moved. */
const targetsOf = async (
  engine: Engine,
  task: TaskRecord,
  { segment, content }: StoredSegment,
): Promise<Map<QueueState, number[]>> => {
  const targets = new Map<QueueState, number[]>()
  for (const index of receivable(segment, engine.clock.now())) {
    const message = content?.messages[index]
    if (!message || !matches(task.filter, message, message.messageId ?? encodeMessageId(segment.key, index))) continue
    const target = await targetOf(engine, task, message)
    if (target) targets.set(target, [...(targets.get(target) ?? []), index])
  }
  return targets
}

/**
 * The target queue of a message. If the task has no destination, a message stays when its origin is deleted or is not one of the
 * task's origins, and when it has no origin.
 */
const targetOf = async (engine: Engine, task: TaskRecord, message: ContentMessage): Promise<QueueState | undefined> => {
  const name = task.destination ?? originOf(task, message)
  if (name === undefined) return undefined
  try {
    return await engine.queues.fresh(name)
  } catch (error) {
    if (isHoldfastError(error, 'QueueNotFound') && task.destination === undefined) return undefined
    throw error
  }
}

const originOf = ({ source, origins }: TaskRecord, { deadLetter }: ContentMessage): string | undefined => {
  if (!deadLetter || !isSelected(origins, deadLetter.queue)) return undefined
  const scope = scopeOf(source)
  return scope === '' ? deadLetter.queue : `${scope}/${deadLetter.queue}`
}

const matches = (filter: RedriveFilter | undefined, message: ContentMessage, messageId: string): boolean => {
  if (!filter) return true
  const { messageIds, sourceQueue, attributes, bodyContains } = filter
  if (messageIds && !messageIds.includes(messageId)) return false
  if (sourceQueue !== undefined && message.deadLetter?.queue !== plainName(sourceQueue)) return false
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (message.attributes?.[name]?.value !== value) return false
  }
  return bodyContains === undefined || bodyText(bodyOf(message)).includes(bodyContains)
}

/**
 * writes, in one transaction: the source without the messages, a segment at the target, an alias for each id · condition: the
 * messages are unchanged since they were read
 */
const moveMessages = async (
  engine: Engine,
  { source, task, target }: { source: QueueState; task: TaskRecord; target: QueueState },
  { segment, content }: StoredSegment,
  indexes: readonly number[],
): Promise<number> => {
  const now = engine.clock.now()
  const messages = indexes.map((index): ContentMessage => {
    const {
      deadLetter,
      publishedAt = segment.publishedAt,
      ...message
    } = (content?.messages ?? [])[index] as ContentMessage
    const redriven = { taskId: task.taskId, publishedAt, ...(deadLetter && { deadLetter }) }
    return {
      ...withoutRedrive(message),
      messageId: message.messageId ?? encodeMessageId(segment.key, index),
      // An undo finds the message by this, and restores it.
      ...(isTracked(task) && { redriven }),
    }
  })
  const priority = priorityOf(segment.key.sort)
  try {
    const endings = endingWrites(source, segment, indexes, { kind: 'moved', queue: plainName(target.name) }, now)
    const removal = { kind: 'change', change: removeMessages(segment, indexes) } as const
    if (!(await moveTo(engine, target, { removal, messages, priority, now, endings }))) return 0
  } catch (error) {
    // The origin was deleted concurrently. Its messages stay, as those of an origin that was deleted before.
    if (isHoldfastError(error, 'QueueNotFound') && task.destination === undefined) return 0
    throw error
  }
  engine.wakeups.wake(target.name, messages.length)
  return messages.length
}
