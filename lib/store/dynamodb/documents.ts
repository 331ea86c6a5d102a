import type { Clock } from '../../clock.ts'
import type { JsonValue } from '../../model/message.ts'
import { SORT_KEY_LENGTH } from '../keys.ts'
import type { Document, DocumentKey, PutWrite, Store } from '../port.ts'
import { unreadable } from '../unreadable.ts'
import { versionAfter } from '../versions.ts'
import type { Item } from './header-item.ts'
import type { TableClient } from './table-client.ts'

/**
 * How a document is stored in the table.
 *
 *     pk, sk   the key, its parts as they are
 *     e        version, N
 *     j        the value as JSON, S
 *     x        TTL, N, epoch seconds; absent where the document does not expire
 */
const documentItem = (key: DocumentKey, version: number, value: JsonValue, expiresAt?: number): Item => ({
  ...documentItemKey(key),
  e: { N: String(version) },
  j: { S: JSON.stringify(value) },
  ...(expiresAt !== undefined && { x: { N: String(Math.ceil(expiresAt / 1_000)) } }),
})

export const documentItemKey = ({ partition, sort }: DocumentKey): Item => ({ pk: { S: partition }, sk: { S: sort } })

/** @throws `Internal`, naming the item, where it can't be read */
export const documentOf = (item: Item): Document => {
  const key = { partition: item.pk?.S ?? '', sort: item.sk?.S ?? '' }
  const version = Number(item.e?.N)
  if (!Number.isSafeInteger(version)) throw unreadable(key, 'its attribute e is no version')
  try {
    return { ...key, version, value: JSON.parse(item.j?.S ?? 'null') as JsonValue }
  } catch (error) {
    throw unreadable(key, error)
  }
}

export const putDocument = (put: PutWrite, now: number) => ({
  Item: documentItem(put.key, versionAfter(put), put.value, put.expiresAt),
  ...ifVersion(put.ifVersion, now),
})

export const ifVersion = (version: number | undefined, now: number) => {
  if (version === undefined) return {}
  if (version === 0) {
    // A document that has expired counts as absent, although TTL has not deleted it yet.
    return {
      ConditionExpression: 'attribute_not_exists(pk) OR x <= :now',
      ExpressionAttributeValues: { ':now': { N: String(Math.floor(now / 1_000)) } },
    }
  }
  return versionIs(version)
}

export const versionIs = (version: number) => ({
  ConditionExpression: 'e = :version',
  ExpressionAttributeValues: { ':version': { N: String(version) } },
})

/** Whether a document has not expired. TTL deletes expired ones late, so they may still be stored. */
const isLive = (item: Item, now: number): boolean => item.x?.N === undefined || Number(item.x.N) * 1_000 > now

export const documentOperations = (table: TableClient, clock: Clock): Pick<Store, 'getDocument' | 'listDocuments'> => ({
  getDocument: async (key, { consistent = false } = {}) => {
    const item = await table.get(documentItemKey(key), consistent)
    return item && isLive(item, clock.now()) ? documentOf(item) : undefined
  },
  listDocuments: async ({ partition, prefix = '', after, limit, consistent = false }) => {
    const found: Document[] = []
    // DynamoDB refuses a bound that is longer than any key.
    if (prefix.length > SORT_KEY_LENGTH) return found
    const to = `${prefix}\uffff`
    const behind = after?.slice(0, SORT_KEY_LENGTH)
    for (let from = behind === undefined || behind < prefix ? prefix : `${behind}\u0000`; from <= to; ) {
      const { items, more } = await table.query({
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: {
          ':pk': { S: partition },
          ':from': { S: from === '' ? ' ' : from },
          ':to': { S: to },
        },
        ConsistentRead: consistent,
        Limit: limit,
      })
      found.push(...items.filter((item) => isLive(item, clock.now())).map(documentOf))
      const last = items.at(-1)?.sk?.S
      if (!more || last === undefined || found.length >= limit) return found.slice(0, limit)
      from = `${last}\u0000`
    }
    return found
  },
})
