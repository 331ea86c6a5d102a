import type { MessageAddress } from '../model/message-id.ts'
import { keptUntil, type Segment } from '../model/segment.ts'
import { aliasKey } from '../store/keys.ts'
import type { Store, Write } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'

/**
 * A message that was moved keeps its id. The alias of the id holds where the message is now. The transaction that moves the message
 * writes the alias, and TTL deletes it.
 */
export const aliasWrite = (queue: string, messageId: string, segment: Segment, index: number): Write => ({
  kind: 'put',
  key: aliasKey(queue, messageId),
  value: {
    shard: segment.key.partition.shard,
    ...(segment.key.partition.group !== undefined && { group: segment.key.partition.group }),
    sort: segment.key.sort,
    index,
  },
  // The alias is kept as long as callers may ask for results of the message.
  expiresAt: keptUntil(segment),
})

export const readAlias = async (
  store: Store,
  queue: string,
  messageId: string,
): Promise<MessageAddress | undefined> => {
  const document = await store.getDocument(aliasKey(queue, messageId), { consistent: true })
  return document && valueIn<MessageAddress>(document, { shard: 'number', sort: 'string', index: 'number' })
}
