import { createHash } from 'node:crypto'
import { type Body, bodyText, type NewMessage } from '../model/message.ts'
import { isPurged, type QueueState } from '../model/queue-record.ts'
import { deduplicationKey } from '../store/keys.ts'
import type { Document, DocumentKey, Write } from '../store/port.ts'

/**
 * A deduplication id is remembered by a document of its own, written in the transaction that publishes its message:
 * absent, or past its window, is the condition. So of any number of publishes of an id at once exactly one gets
 * through, and the others learn from what their condition met which message it stood for.
 */
export interface FirstPublish {
  readonly messageId: string
  readonly sequenceNumber?: string
}
/** As it is stored: with when that was, epoch ms, since a purge frees the ids of what it drops. */
interface DeduplicationRecord extends FirstPublish {
  readonly publishedAt: number
}

/** The id that a message is deduplicated by, if by any: its own, or on a queue that wants it the hash of its body. */
export const deduplicationIdOf = (queue: QueueState, message: NewMessage): string | undefined => {
  if (message.deduplicationId !== undefined) return message.deduplicationId
  return queue.settings.fifo?.contentBasedDeduplication ? contentId(message.body) : undefined
}

/** The id that a body gives a message without one of its own. It is not kept with the message: the body is. */
export const contentId = (body: Body): string =>
  createHash('sha256')
    .update(body instanceof Uint8Array ? body : bodyText(body))
    .digest('hex')

export const deduplicationRecordKey = (queue: QueueState, message: NewMessage, id: string): DocumentKey => {
  const scoped = queue.settings.fifo?.deduplicationScope === 'messageGroup' ? `${message.groupId}\n${id}` : id
  const hash = createHash('sha256').update(scoped).digest('hex').slice(0, 40)
  return deduplicationKey(queue, hash)
}

/** @param replaces version of what is remembered of a message that its id no longer stands for; 0 for nothing */
export const deduplicationWrite = (
  key: DocumentKey,
  first: DeduplicationRecord,
  expiresAt: number,
  replaces: number,
): Write => ({
  kind: 'put',
  key,
  value: { ...first },
  ifVersion: replaces,
  expiresAt,
})

export const firstPublish = ({ value }: Document): FirstPublish => {
  const { publishedAt: _, ...first } = value as unknown as DeduplicationRecord
  return first
}

/** Whether the message that a remembered id stood for was purged with its queue. */
export const isForgotten = (queue: QueueState, { value }: Document): boolean =>
  isPurged(queue, (value as unknown as DeduplicationRecord).publishedAt)
