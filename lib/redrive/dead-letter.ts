import type { Engine } from '../engine.ts'
import { type Content, type ContentMessage, withoutRedrive } from '../model/content.ts'
import { countThatFits } from '../model/count-that-fits.ts'
import { isHoldfastError } from '../model/errors.ts'
import { messageBytes } from '../model/message.ts'
import { encodeMessageId } from '../model/message-id.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { Failure } from '../model/result.ts'
import { receiveCountOf, type Segment, slotAt } from '../model/segment.ts'
import { applyChange, removeMessages } from '../model/segment-change.ts'
import { priorityOf } from '../model/segment-key.ts'
import { reportUnreadable } from '../queues/report-unreadable.ts'
import { endingWrites, resultWakeup } from '../results/write-results.ts'
import { moveTo } from './move.ts'

export interface LeftBehind {
  /** False only when the dead-letter queue does not exist or a message can't be read: the messages then stay where they are. */
  readonly moved: boolean
  /** Set when this call moved nothing, because the segment has changed since it was read: the caller reads it again. */
  readonly changed?: true
  /** The segment without the messages; `undefined` when no message is left, or when the segment changed concurrently. */
  readonly segment: Segment | undefined
}

/** Below the 4 MB of a DynamoDB transaction, with room for the other parts of its items. */
export const MAX_BYTES_MOVED = 3_000_000

export const MAX_RECEIVES_EXCEEDED = 'MaxReceivesExceeded'

/**
 * Moves exhausted or rejected messages to the queue's dead-letter queue. They keep their ids and the time of their publish, and are kept
 * there for that queue's whole retention, counted from now.
 *
 * reads: the segment with its content · writes, in one transaction: the source without the messages, a segment in the dead-letter
 * queue, an alias for each id, and on a queue that keeps results an item with the target's name · condition: the messages are
 * unchanged since they were read · a crash leaves all of it or nothing
 */
export const deadLetter = async (
  engine: Engine,
  queue: QueueState,
  segment: Segment,
  indexes: readonly number[],
  reason = MAX_RECEIVES_EXCEEDED,
  failure?: Failure,
): Promise<LeftBehind> => {
  const name = queue.settings.deadLetter?.queue
  const target = name === undefined ? undefined : await existing(engine, name)
  if (!target) return missing(engine, queue, name, segment)
  const [stored] = await engine.store.read([segment.key])
  if (stored?.unreadable !== undefined) return unread(engine, queue, segment, stored.unreadable)
  if (stored?.segment.version !== segment.version || !stored.content)
    return { moved: true, changed: true, segment: undefined }
  const moving = fitting(stored.content, indexes)
  const move = { segment, moving, reason, now: engine.clock.now() }
  const messages = deadLetters(queue, stored.content, move)
  const removal = removeMessages(segment, moving)
  try {
    const ending = { kind: 'deadLettered', queue: plainName(target.name), reason, failure } as const
    const moved = await moveTo(engine, target, {
      removal: { kind: 'change', change: removal },
      messages,
      priority: priorityOf(segment.key.sort),
      now: move.now,
      endings: endingWrites(queue, segment, moving, ending, move.now),
    })
    // Another process changed the messages, or an earlier try of this call moved them.
    if (!moved) return { moved: true, changed: true, segment: undefined }
  } catch (error) {
    if (!isHoldfastError(error, 'QueueNotFound')) throw error
    return missing(engine, queue, target.name, segment)
  }
  engine.observe({ type: 'dead-lettered', queue: queue.name, target: target.name, count: messages.length, reason })
  engine.wakeups.wake(target.name, messages.length)
  if (queue.settings.results) engine.wakeups.wake(resultWakeup(segment.key), Number.POSITIVE_INFINITY)
  const after = applyChange(segment, removal)
  return { moved: true, segment: after.applied ? after.segment : undefined }
}

interface DeadLettering {
  readonly segment: Segment
  /** Places of the messages in the segment. */
  readonly moving: readonly number[]
  readonly reason: string
  /** Epoch ms. */
  readonly now: number
}

/** The messages as the dead-letter queue stores them. */
const deadLetters = (
  { name }: QueueState,
  content: Content,
  { segment, moving, reason, now }: DeadLettering,
): ContentMessage[] =>
  moving.map((index) => {
    const message = content.messages[index] as ContentMessage
    const earlierReceives = message.deadLetter?.receiveCount ?? 0
    return {
      ...withoutRedrive(message),
      messageId: message.messageId ?? encodeMessageId(segment.key, index),
      publishedAt: message.publishedAt ?? segment.publishedAt,
      deadLetter: {
        queue: plainName(name),
        reason,
        at: now,
        receiveCount: receiveCountOf(slotAt(segment, index)) + earlierReceives,
      },
    }
  })

/** The first messages that fit in one transaction, and at least one. The next poll moves the others. */
const fitting = ({ messages }: Content, indexes: readonly number[]): readonly number[] => {
  const bytesOf = (index: number) => messageBytes(messages[index] as ContentMessage)
  return indexes.slice(0, Math.max(1, countThatFits(indexes, bytesOf, MAX_BYTES_MOVED)))
}

const existing = async (engine: Engine, name: string): Promise<QueueState | undefined> => {
  try {
    return await engine.queues.fresh(name)
  } catch (error) {
    if (!isHoldfastError(error, 'QueueNotFound')) throw error
    return undefined
  }
}

const missing = (engine: Engine, queue: QueueState, target: string | undefined, segment: Segment): LeftBehind => {
  if (target !== undefined) engine.observe({ type: 'dead-letter-queue-missing', queue: queue.name, target })
  return { moved: false, segment }
}

const unread = (engine: Engine, queue: QueueState, segment: Segment, reason: string): LeftBehind => {
  reportUnreadable(engine, queue, segment.key, reason)
  return { moved: false, segment }
}
