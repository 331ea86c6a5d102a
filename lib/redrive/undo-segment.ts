import type { Engine } from '../engine.ts'
import type { ContentMessage, RedriveOrigin } from '../model/content.ts'
import { ifQueueExists, messageContended } from '../model/errors.ts'
import { encodeMessageId } from '../model/message-id.ts'
import { plainName } from '../model/queue-name.ts'
import { asDelayed, isDropped, type QueueState } from '../model/queue-record.ts'
import type { Ending } from '../model/result.ts'
import { slotAt } from '../model/segment.ts'
import { removeMessages } from '../model/segment-change.ts'
import { priorityOf } from '../model/segment-key.ts'
import { endingWrites, resultWakeup } from '../results/write-results.ts'
import type { PutWrite, StoredSegment } from '../store/port.ts'
import { moveTo } from './move.ts'
import type { TaskRecord } from './redrive-task.ts'

/** Retried only when another process changes the segment or the queue concurrently. */
const TRIES = 8

/** What an undo did with the messages of a redrive. */
export interface UndoCounts {
  readonly moved: number
  /** Messages that stay, because a consumer received them. */
  readonly received: number
  /** Messages that stay, because an earlier one of their FIFO group stays. */
  readonly behind: number
}

/** The counts of a task after one more page. */
export const undoCounts = (
  { moved, received = 0, behind = 0 }: Partial<UndoCounts> & Pick<UndoCounts, 'moved'>,
  page: UndoCounts,
): UndoCounts => ({
  moved: moved + page.moved,
  received: received + page.received,
  behind: behind + page.behind,
})

export interface SegmentToUndo {
  readonly found: StoredSegment
  /** Whether an earlier message of the FIFO group stays. */
  readonly held: boolean
  /** Whether to count only, and move nothing. */
  readonly dry: boolean
}

export interface UndoneSegment {
  readonly counts: UndoCounts
  /** Whether a message of the FIFO group stays, so that no later one may go back. */
  readonly held: boolean
}

/**
 * Moves the messages of a redrive in one segment back to the dead-letter queue, as they were there: with the reason, the count of
 * receives and the time of their first publish. They are kept for that queue's whole retention, counted from now: with the rest of the
 * earlier time, a message whose time ended during the redrive would be lost by going back.
 *
 * writes, in one transaction: the segment without the messages, a segment in the dead-letter queue, an alias for each id, and on a
 * queue that keeps results an item with what became of them · condition: the messages are fresh, as they were read, and neither queue was
 * changed, purged or deleted since
 *
 * Whatever happens at the same time, one of the two wins, and the other finds what it left. A claim or a reschedule changes a slot, an
 * ack or a cancellation needs one that was claimed or removes it, another undo or a move removes it: then the condition on the slots
 * fails, and the segment is read again. A purge or a deletion of the queue changes its record: the condition on the record fails, and
 * the messages count as dropped. A purge of the dead-letter queue comes before the move or after it. A crash leaves all of it or nothing.
 */
export const undoSegment = async (
  engine: Engine,
  read: QueueState,
  task: TaskRecord,
  { found, held, dry }: SegmentToUndo,
): Promise<UndoneSegment> => {
  let queue: QueueState | undefined = read
  let stored: StoredSegment | undefined = found
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (!queue || !stored || isDropped(queue, asDelayed(queue, stored.segment), engine.clock.now())) {
      return { counts: { moved: 0, received: 0, behind: 0 }, held }
    }
    const { returning, received, behind, holds } = judge(queue, task, stored, held)
    const counts = { moved: returning.length, received, behind }
    if (dry || returning.length === 0) return { counts, held: holds }
    if (await moveBack(engine, { queue, task, stored, returning })) return { counts, held: holds }
    const fresh: QueueState | undefined = await ifQueueExists(engine.queues.fresh(queue.name))
    // The items of a deleted queue are stored for a while. A new queue of its name has none of its messages.
    queue = fresh?.generation === read.generation ? fresh : undefined
    stored = (await engine.store.read([stored.segment.key]))[0]
  }
  throw messageContended(read.name)
}

/** A message that goes back. */
interface Returning {
  readonly index: number
  readonly message: ContentMessage
  readonly redriven: RedriveOrigin
}

/**
 * Which messages of a segment go back. On a FIFO queue those behind one that was received stay: it may be dead-lettered after them, and
 * their order would be lost. Those of another redrive do not count: an earlier redrive that took some of a group may be long over, and
 * its messages are not read.
 */
const judge = (
  { settings: { fifo } }: QueueState,
  { undoes }: TaskRecord,
  { segment, content, unreadable }: StoredSegment,
  held: boolean,
) => {
  const returning: Returning[] = []
  let received = 0
  let behind = 0
  // Content that can't be read may be of a message that stays.
  let holds = held || (fifo !== undefined && unreadable !== undefined)
  for (const [index, message] of (content?.messages ?? []).entries()) {
    const { redriven } = message
    const { kind } = slotAt(segment, index)
    if (kind === 'gone' || redriven?.taskId !== undoes || !redriven) continue
    if (kind === 'lease') {
      received++
      holds ||= fifo !== undefined
    } else if (holds) behind++
    else returning.push({ index, message, redriven })
  }
  return { returning, received, behind, holds }
}

interface MovingBack {
  readonly queue: QueueState
  readonly task: TaskRecord
  readonly stored: StoredSegment
  readonly returning: readonly Returning[]
}

const moveBack = async (
  engine: Engine,
  { queue, task, stored: { segment }, returning }: MovingBack,
): Promise<boolean> => {
  // A queue may be its own dead-letter queue: then the transaction checks the one state of it.
  const dead = queue.name === task.source ? queue : await engine.queues.get(task.source)
  const now = engine.clock.now()
  const indexes = returning.map(({ index }) => index)
  const moved = await moveTo(engine, dead, {
    removal: { kind: 'change', change: removeMessages(segment, indexes) },
    messages: returning.map(({ index, message, redriven }) => {
      const { redriven: _, ...content } = message
      const { publishedAt, deadLetter } = redriven
      const messageId = message.messageId ?? encodeMessageId(segment.key, index)
      return { ...content, messageId, publishedAt, ...(deadLetter && { deadLetter }) }
    }),
    priority: priorityOf(segment.key.sort),
    now,
    endings: endingsOf(queue, dead, { segment, returning, now }),
    from: queue,
  })
  if (!moved) return false
  engine.wakeups.wake(dead.name, returning.length)
  if (queue.settings.results) engine.wakeups.wake(resultWakeup(segment.key), Number.POSITIVE_INFINITY)
  return true
}

/** The result items of the queue that the messages leave: its own dead letters are dead-lettered again, with their reasons. */
const endingsOf = (
  queue: QueueState,
  dead: QueueState,
  { segment, returning, now }: Pick<StoredSegment, 'segment'> & { returning: readonly Returning[]; now: number },
): PutWrite[] => {
  const endings = new Map<string, { readonly ending: Ending; readonly indexes: number[] }>()
  for (const { index, redriven } of returning) {
    const ending = endingOf(queue, dead, redriven)
    const alike = endings.get(JSON.stringify(ending)) ?? { ending, indexes: [] }
    endings.set(JSON.stringify(ending), alike)
    alike.indexes.push(index)
  }
  return [...endings.values()].flatMap(({ ending, indexes }) => endingWrites(queue, segment, indexes, ending, now))
}

const endingOf = (queue: QueueState, dead: QueueState, { deadLetter }: RedriveOrigin): Ending => {
  const to = plainName(dead.name)
  return deadLetter?.queue === plainName(queue.name)
    ? { kind: 'deadLettered', queue: to, reason: deadLetter.reason }
    : { kind: 'moved', queue: to }
}
