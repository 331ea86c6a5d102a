import type { Document } from '../model/document.ts'
import { isOfLaterQueue } from '../model/queue-layout.ts'
import { isQueueName } from '../model/queue-name.ts'
import { isQueueRecord, type QueueRecord, type QueueState, queueState, recordIn } from '../model/queue-record.ts'
import { layoutKey, queueKey } from '../store/keys.ts'
import type { Store } from '../store/port.ts'
import { unreadable } from '../store/unreadable.ts'

/**
 * The state of a queue: its record and its layout, read concurrently. Nothing where the queue is absent or deleted.
 *
 * Another process may change both between the two reads. That does no harm: a shard is scanned, or not, until the queue is read
 * again, and every write requires the version that was read. But a layout that is newer than the record by a generation would let a
 * process write over it for a queue that is deleted: then the record is read again, now after the layout.
 */
export const readQueue = async (
  store: Store,
  name: string,
  options: { readonly consistent?: boolean } = {},
): Promise<QueueState | undefined> => {
  // Not read: a name that no queue can have may be longer than a key.
  if (!isQueueName(name)) return undefined
  const [early, layout] = await Promise.all([
    store.getDocument(queueKey(name), options),
    readLayout(store, name, options),
  ])
  const isOutdated = early && isOfLaterQueue(layout, checkRecord(early))
  const record = isOutdated ? await store.getDocument(queueKey(name), options) : early
  if (record) checkRecord(record)
  return queueState(name, record, layout)
}

/** A FIFO queue has none: its groups' numbers follow from how many shards it was created with. */
export const readLayout = async (
  store: Store,
  name: string,
  options: { readonly consistent?: boolean },
): Promise<Document | undefined> => (name.endsWith('.fifo') ? undefined : store.getDocument(layoutKey(name), options))

/** Whether nothing of a queue is delivered, read consistently: of its record alone. */
export const isPaused = async (store: Store, name: string): Promise<boolean> => {
  const document = await store.getDocument(queueKey(name), { consistent: true })
  if (!document) return false
  const { deletedAt, settings } = checkRecord(document)
  return deletedAt === undefined && settings.paused === true
}

/** The record in a document. @throws `Internal`, naming the item, where it is none */
export const checkRecord = (document: Document): QueueRecord => {
  const record = recordIn(document)
  if (!isQueueRecord(record)) throw unreadable(document, 'it is no record of a queue')
  return record
}
