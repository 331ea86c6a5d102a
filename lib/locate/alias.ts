import type { MessageAddress } from '../model/message-id.ts'
import { keptUntil, type Segment } from '../model/segment.ts'
import { aliasKey } from '../store/keys.ts'
import type { Store, Write } from '../store/port.ts'

/**
 * A message that was moved keeps the id it was published under. Where it stands now is kept in an alias: written in
 * the transaction that moves it, never deleted by us, reclaimed by TTL with the message.
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
  // As long as results of the message may be asked for.
  expiresAt: keptUntil(segment),
})

export const readAlias = async (
  store: Store,
  queue: string,
  messageId: string,
): Promise<MessageAddress | undefined> => {
  const document = await store.getDocument(aliasKey(queue, messageId), { consistent: true })
  return document?.value as unknown as MessageAddress | undefined
}
