import type { MessageAddress } from '../model/message-id.ts'
import type { Segment } from '../model/segment.ts'
import { aliasKey } from '../store/keys.ts'
import type { Store, Write } from '../store/port.ts'

/**
 * A message that was moved keeps the id it was published under. Where it stands now is kept in an alias: written in
 * the transaction that moves it, never deleted by us, reclaimed by TTL with the message.
 */
export const aliasWrite = (queue: string, messageId: string, { key, expiresAt }: Segment, index: number): Write => ({
  kind: 'put',
  key: aliasKey(queue, messageId),
  value: {
    shard: key.partition.shard,
    ...(key.partition.group !== undefined && { group: key.partition.group }),
    sort: key.sort,
    index,
  },
  expiresAt,
})

export const readAlias = async (
  store: Store,
  queue: string,
  messageId: string,
): Promise<MessageAddress | undefined> => {
  const document = await store.getDocument(aliasKey(queue, messageId), { consistent: true })
  return document?.value as unknown as MessageAddress | undefined
}
