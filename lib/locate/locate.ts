import type { Engine } from '../engine.ts'
import { isHoldfastError, messageNotFound } from '../model/errors.ts'
import { groupPartition, isFairGroup } from '../model/group.ts'
import { decodeMessageId, encodeMessageId, fairSortEnd, type MessageAddress } from '../model/message-id.ts'
import { plainName } from '../model/queue-name.ts'
import { asDelayed, isDropped, partitionOf, type QueueState } from '../model/queue-record.ts'
import { slotAt } from '../model/segment.ts'
import type { SegmentKey, SegmentPartition } from '../model/segment-key.ts'
import type { StoredSegment } from '../store/port.ts'
import { unreadableHeader } from '../store/unreadable.ts'
import { readAlias } from './alias.ts'

/** A message with the queue and the segment it is in, and its place there. */
export interface Located {
  readonly queue: QueueState
  readonly stored: StoredSegment & { readonly content: NonNullable<StoredSegment['content']> }
  readonly index: number
}

/**
 * Finds a message by its id: at the address that the id holds, else where an alias leads, else in the queue's dead-letter queue.
 *
 * @throws `MessageNotFound`
 */
export const locate = async (engine: Engine, queueName: string, messageId: string): Promise<Located> => {
  const queue = await engine.queues.get(queueName)
  const address = addressIn(queue, messageId)
  if (!address) throw messageNotFound(queueName, messageId)
  const found =
    (await locateIn(engine, queue, messageId, address)) ?? (await locateDead(engine, queue, messageId, address))
  if (!found) throw messageNotFound(queueName, messageId)
  return found
}

const addressIn = ({ settings }: QueueState, messageId: string): MessageAddress | undefined =>
  decodeMessageId(messageId, { standard: settings.fifo === undefined })

const locateIn = async (engine: Engine, queue: QueueState, messageId: string, address: MessageAddress) => {
  const here = await at(engine, queue, messageId, address)
  if (here) return here
  const moved = await readAlias(engine.store, queue.name, messageId)
  return moved && at(engine, queue, messageId, moved)
}

/** Whether a message is still in its queue, and not in the dead-letter queue. */
export const isPending = async (engine: Engine, queue: QueueState, messageId: string): Promise<boolean> => {
  const address = addressIn(queue, messageId)
  return address !== undefined && (await locateIn(engine, queue, messageId, address)) !== undefined
}

const locateDead = async (engine: Engine, queue: QueueState, messageId: string, address: MessageAddress) => {
  const { deadLetter } = queue.settings
  if (!deadLetter) return undefined
  try {
    const found = await locateIn(engine, await engine.queues.get(deadLetter.queue), messageId, address)
    // Other messages of the dead-letter queue are hidden: a caller with rights on this queue may have none on theirs.
    const origin = found?.stored.content.messages[found.index]?.deadLetter?.queue
    return origin === plainName(queue.name) ? found : undefined
  } catch (error) {
    if (isHoldfastError(error, 'QueueNotFound')) return undefined
    throw error
  }
}

const at = async (
  engine: Engine,
  queue: QueueState,
  messageId: string,
  { shard, group, sort, index }: MessageAddress,
): Promise<Located | undefined> => {
  const partition = group === undefined ? partitionOf(queue, shard) : groupPartition(queue, group)
  const fair = group !== undefined && isFairGroup(group)
  const keys = fair ? await keysFrom(engine, partition, sort) : [{ partition, sort }]
  for (const stored of keys.length > 0 ? await engine.store.read(keys) : []) {
    // The message may be in this segment, so `MessageNotFound` would be wrong.
    if (stored?.unreadable !== undefined) throw unreadableHeader(stored.segment.key, stored.unreadable)
    const message = stored?.content?.messages[index]
    if (!stored?.content || !message || slotAt(stored.segment, index).kind === 'gone') continue
    if ((message.messageId ?? encodeMessageId(stored.segment.key, index)) !== messageId) continue
    const segment = asDelayed(queue, stored.segment)
    if (isDropped(queue, segment, engine.clock.now())) continue
    return { queue, stored: { segment, content: stored.content }, index }
  }
  return undefined
}

/** The number of segments to read: a message id of a fair group holds only the beginning of a key, which rarely more than one segment has. */
const SAME_START = 4

const keysFrom = async (engine: Engine, partition: SegmentPartition, from: string): Promise<SegmentKey[]> => {
  const range = { partition, from, to: fairSortEnd(from), limit: SAME_START, consistent: true }
  return (await engine.store.headers(range)).segments.map(({ key }) => key)
}
