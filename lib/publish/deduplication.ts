import { createHash } from 'node:crypto'
import { type Body, bodyText, type NewMessage } from '../model/message.ts'
import { isPurged, type QueueState } from '../model/queue-record.ts'
import { deduplicationKey } from '../store/keys.ts'
import type { Document, DocumentKey, Write } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'

/**
 * A deduplication id has a document, the *deduplication record*, written in the transaction that publishes its message on condition
 * that it is absent or past its window. So of any number of concurrent publishes with one id exactly one succeeds. The others
 * get the record that their condition met, with the id of the message that was published first.
 */
export interface FirstPublish {
  readonly messageId: string
  readonly sequenceNumber?: string
}
/** The stored form. A purge frees the ids of messages that were published before it. */
interface DeduplicationRecord extends FirstPublish {
  readonly publishedAt: number
}

/** The id that a message is deduplicated by, if any: its own, or on a queue with content-based deduplication the hash of its body. */
export const deduplicationIdOf = (queue: QueueState, message: NewMessage): string | undefined => {
  if (message.deduplicationId !== undefined) return message.deduplicationId
  return queue.settings.fifo?.contentBasedDeduplication ? contentId(message.body) : undefined
}

/** The id of a message without one of its own, from its body. It is not stored with the message. */
export const contentId = (body: Body): string =>
  createHash('sha256')
    .update(body instanceof Uint8Array ? body : bodyText(body))
    .digest('hex')

export const deduplicationRecordKey = (queue: QueueState, message: NewMessage, id: string): DocumentKey => {
  const scoped = queue.settings.fifo?.deduplicationScope === 'messageGroup' ? `${message.groupId}\n${id}` : id
  const hash = createHash('sha256').update(scoped).digest('hex').slice(0, 40)
  return deduplicationKey(queue, hash)
}

/**
 * A record expires, and a publisher that was paused may know it still. The next one begins with another version, the time of its publish:
 * else the publisher would take it for the outdated record that it is about to replace.
 *
 * @param replaces version of an outdated record of the id, which the write replaces; 0 when there is none
 */
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
  firstVersion: first.publishedAt,
  expiresAt,
})

const recordIn = (document: Document): DeduplicationRecord =>
  valueIn<DeduplicationRecord>(document, { messageId: 'string', publishedAt: 'number' })

export const firstPublish = (document: Document): FirstPublish => {
  const { publishedAt: _, ...first } = recordIn(document)
  return first
}

/** Whether the message that has the id was purged. */
export const isOfPurged = (queue: QueueState, document: Document): boolean =>
  isPurged(queue, recordIn(document).publishedAt)
