import type { Document } from '../model/document.ts'
import { isQueueName } from '../model/queue-name.ts'
import { type QueueState, queueState } from '../model/queue-record.ts'
import { layoutKey, queueKey } from '../store/keys.ts'
import type { Store } from '../store/port.ts'

/**
 * A queue's record and its layout, read at the same time; nothing where the queue is absent or deleted.
 *
 * Between the two reads someone may change both. The mixture does no harm: a shard is looked into, or not, until the queue is read
 * again, and every write is conditional on the version that was read.
 */
export const readQueue = async (
  store: Store,
  name: string,
  options: { readonly consistent?: boolean } = {},
): Promise<QueueState | undefined> => {
  // Not asked for: a name that no queue can have may be longer than a key.
  if (!isQueueName(name)) return undefined
  const [record, layout] = await Promise.all([
    store.getDocument(queueKey(name), options),
    readLayout(store, name, options),
  ])
  return queueState(name, record, layout)
}

/** A FIFO queue has none: its groups' numbers follow from how many shards it was created with. */
export const readLayout = async (
  store: Store,
  name: string,
  options: { readonly consistent?: boolean },
): Promise<Document | undefined> => (name.endsWith('.fifo') ? undefined : store.getDocument(layoutKey(name), options))
