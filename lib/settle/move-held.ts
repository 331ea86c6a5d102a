import type { Engine } from '../engine.ts'
import { type Content, type ContentMessage, withoutRedrive } from '../model/content.ts'
import { countThatFits } from '../model/count-that-fits.ts'
import { isHoldfastError, messageContended, queueNotFound } from '../model/errors.ts'
import { isOrdered } from '../model/group.ts'
import { type HandleResult, messageBytes } from '../model/message.ts'
import { encodeMessageId } from '../model/message-id.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueState } from '../model/queue-record.ts'
import { keyOfHandle, type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { isLeasedUnder, liveAt, type Segment, slotAt } from '../model/segment.ts'
import { removeMessages } from '../model/segment-change.ts'
import { priorityOf, segmentId } from '../model/segment-key.ts'
import { MAX_BYTES_MOVED } from '../redrive/dead-letter.ts'
import { moveTo } from '../redrive/move.ts'
import { endingWrites, resultWakeup } from '../results/write-results.ts'
import { followUp } from '../store/follow-up.ts'
import { unreadableHeader } from '../store/unreadable.ts'
import { checkCount, failed, isStopping, leaseLost, messageGone, OK } from './apply-to-handles.ts'
import { releaseGroups } from './group-release.ts'

/** Retried only when another process changes messages of the same segment concurrently. */
const TRIES = 8

/**
 * Moves leased messages to the end of another queue of the same kind. They keep their ids and the time of their publish, and
 * their receives are counted from zero there. On FIFO queues the messages of a group are moved in the order given, and no
 * message is moved after one of its group that could not be moved.
 *
 * reads: the target's record, each segment with its content · writes: one transaction for each segment: the source without
 * the messages, a segment in the target, an alias for each id · condition: leased under the handles' tokens, as read · a
 * crash leaves each message in exactly one of the two queues
 *
 * @returns one result for each handle, in order: `QueueNotFound` where the target is missing, `LeaseLost`, `MessageNotFound`,
 *   `Throttled` … when not ok
 * @throws `InvalidRequest`, `QueueNotFound` for the source
 */
export const moveHeld = async (
  engine: Engine,
  queueName: string,
  targetName: string,
  receiptHandles: readonly string[],
): Promise<HandleResult[]> => {
  checkCount(receiptHandles)
  const queue = await engine.queues.get(queueName)
  const results = new Array<HandleResult>(receiptHandles.length)
  const segments = bySegment(engine, queue, receiptHandles, results)
  const move = (held: readonly Held[]) => moveAll(engine, queue, targetName, held, results)
  if (queue.settings.fifo)
    await Promise.all([...byGroup(segments).values()].map((lists) => inOrder(lists, move, results)))
  else await Promise.all(segments.map(move))
  await followUp(engine, queue.name, () => releaseGroups(engine, queue, receiptHandles, results))
  return results
}

/** A receipt handle, with its position in the request. */
interface Held {
  readonly handle: ReceiptHandle
  readonly position: number
}

/** The handles grouped by segment. Segments are in the order of their first handles. */
const bySegment = (
  engine: Engine,
  queue: QueueState,
  receiptHandles: readonly string[],
  results: HandleResult[],
): Held[][] => {
  const segments = new Map<string, Held[]>()
  for (const [position, text] of receiptHandles.entries()) {
    try {
      const handle = receiptHandleFor(queue.name, text, engine.clock.now())
      const id = segmentId(keyOfHandle(queue, handle))
      segments.set(id, [...(segments.get(id) ?? []), { handle, position }])
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      results[position] = failed(error)
    }
  }
  return [...segments.values()]
}

const byGroup = (segments: readonly Held[][]): Map<string, Held[][]> => {
  const groups = new Map<string, Held[][]>()
  for (const held of segments) {
    const hash = held[0]?.handle.group?.hash ?? ''
    groups.set(hash, [...(groups.get(hash) ?? []), held])
  }
  return groups
}

/** Moves the messages of one group, segment by segment. The first failure is the result of all later messages. */
const inOrder = async (
  lists: readonly (readonly Held[])[],
  move: (held: readonly Held[]) => Promise<void>,
  results: HandleResult[],
): Promise<void> => {
  let stopped: HandleResult | undefined
  for (const held of lists) {
    if (stopped) for (const { position } of held) results[position] = stopped
    else {
      await move(held)
      stopped = held.map(({ position }) => results[position] as HandleResult).find((result) => isStopping(result))
    }
  }
}

/** Moves messages of one segment, as many in each transaction as fit. */
const moveAll = async (
  engine: Engine,
  queue: QueueState,
  targetName: string,
  held: readonly Held[],
  results: HandleResult[],
): Promise<void> => {
  let left = held
  const settle = (some: readonly Held[], result: HandleResult) => {
    for (const { position } of some) results[position] = result
  }
  try {
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt === TRIES + held.length) return settle(left, failed(messageContended(queue.name)))
      left = await moveSome(engine, queue, targetName, left, { results, isFirst: attempt === 0 })
    }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    settle(left, failed(isHoldfastError(error, 'QueueNotFound') ? queueNotFound(plainName(targetName)) : error))
  }
}

/** @returns the messages that are still to be moved */
const moveSome = async (
  engine: Engine,
  queue: QueueState,
  targetName: string,
  held: readonly Held[],
  { results, isFirst }: { readonly results: HandleResult[]; readonly isFirst: boolean },
): Promise<readonly Held[]> => {
  const target = await engine.queues.fresh(targetName)
  const key = keyOfHandle(queue, (held[0] as Held).handle)
  const [stored] = await engine.store.read([key])
  const now = engine.clock.now()
  const movable: Held[] = []
  for (const one of held) {
    const refusal = refusalOf(queue, stored?.segment, one.handle, { now, isFirst })
    if (refusal) results[one.position] = refusal
    else movable.push(one)
  }
  if (!stored || movable.length === 0) return []
  // The content was stored when the messages were received, so only a concurrent change explains that it is missing.
  const { segment, content } = stored
  if (stored.unreadable !== undefined) throw unreadableHeader(segment.key, stored.unreadable)
  if (!content) throw messageContended(queue.name)
  const moving = movable.slice(0, fitting(content, movable))
  const indexes = moving.map(({ handle }) => handle.index)
  const moved = await moveTo(engine, target, {
    removal: { kind: 'change', change: removeMessages(segment, indexes) },
    messages: indexes.map((index) => kept(segment, content, index)),
    priority: priorityOf(segment.key.sort),
    now,
    endings: endingWrites(queue, segment, indexes, { kind: 'moved', queue: plainName(target.name) }, now),
  })
  // The segment changed, perhaps by an earlier try of this move: the next read shows which messages are still there.
  if (!moved) return movable
  for (const { position } of moving) results[position] = OK
  engine.wakeups.wake(target.name, moving.length)
  if (queue.settings.results) engine.wakeups.wake(resultWakeup(key), Number.POSITIVE_INFINITY)
  return movable.slice(moving.length)
}

/** Why a message can't be moved; `undefined` when it can. */
const refusalOf = (
  queue: QueueState,
  segment: Segment | undefined,
  { index, token, group }: ReceiptHandle,
  { now, isFirst }: { readonly now: number; readonly isFirst: boolean },
): HandleResult | undefined => {
  const slot = segment && slotAt(segment, index)
  if (!slot || slot.kind === 'gone') return isFirst ? messageGone(queue.name) : OK
  // In an ordered group the lease must be live: once it is over, other consumers may receive the messages behind it.
  const isHeld = isLeasedUnder(slot, token) && (!isOrdered(group?.hash) || liveAt(slot, now))
  return isHeld ? undefined : leaseLost(queue.name)
}

/** How many of the first messages fit in one transaction; at least one. */
const fitting = ({ messages }: Content, held: readonly Held[]): number => {
  const bytesOf = ({ handle }: Held) => messageBytes(messages[handle.index] as ContentMessage)
  return Math.max(1, countThatFits(held, bytesOf, MAX_BYTES_MOVED))
}

/** A message as the target stores it, with the id and the time of publish that it had. */
const kept = (segment: Segment, { messages }: Content, index: number): ContentMessage => {
  const message = messages[index] as ContentMessage
  return {
    ...withoutRedrive(message),
    messageId: message.messageId ?? encodeMessageId(segment.key, index),
    publishedAt: message.publishedAt ?? segment.publishedAt,
  }
}
