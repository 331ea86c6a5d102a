import type { Clock } from '../../clock.ts'
import { reasonOf } from '../../model/errors.ts'
import type { Segment } from '../../model/segment.ts'
import type { SegmentKey } from '../../model/segment-key.ts'
import { segmentPartition } from '../keys.ts'
import type { HeaderPage, HeaderRange, NewSegment, Store, StoredSegment } from '../port.ts'
import { unpackContent } from './content-codec.ts'
import { HEADER_PROJECTION, headerKey, headerOf, type Item } from './header-item.ts'
import { bodyKey, bodyKeys, segmentItems } from './segment-items.ts'
import type { TableClient } from './table-client.ts'

const ABSENT = { ConditionExpression: 'attribute_not_exists(pk)' }

export const segmentOperations = (table: TableClient, clock: Clock): Pick<Store, 'insert' | 'headers' | 'read'> => ({
  insert: (segment) => insertSegment(table, segment),
  headers: (range) => queryHeaders(table, clock, range),
  read: (keys) => readSegments(table, clock, keys),
})

/**
 * writes: header and bodies concurrently · condition: no header under this key · cost: 1 WRU for each started KB.
 * Where the write of a body fails, the header is deleted. Where that fails too, pollers delete the header after a minute.
 */
const insertSegment = async (table: TableClient, segment: NewSegment): Promise<'inserted' | 'exists'> => {
  const { header, bodies } = segmentItems(segment)
  const [head, ...rest] = await Promise.allSettled([
    table.put(header, ABSENT),
    // A body never changes, so a repeated put changes nothing.
    ...bodies.map((body) => table.put(body)),
  ])
  const failure = rest.find((result) => result.status === 'rejected')
  if (head?.status !== 'fulfilled') throw head?.reason
  if (failure) {
    await takeBack(table, segment.segment)
    throw failure.reason
  }
  return head.value.held ? 'inserted' : 'exists'
}

const queryHeaders = async (
  table: TableClient,
  clock: Clock,
  { partition, from, to, limit, consistent = false }: HeaderRange,
): Promise<HeaderPage> => {
  // DynamoDB refuses a range that ends before it starts.
  if (from > to) return { segments: [], more: false }
  const { items, more } = await table.query({
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':pk': { S: segmentPartition(partition) },
      ':from': { S: from },
      ':to': { S: to },
    },
    ProjectionExpression: HEADER_PROJECTION,
    ConsistentRead: consistent,
    Limit: limit,
  })
  const now = clock.now()
  return { segments: items.map((item) => headerOf(partition, item, now)), more }
}

const readSegments = async (
  table: TableClient,
  clock: Clock,
  keys: readonly SegmentKey[],
): Promise<(StoredSegment | undefined)[]> => {
  const items = await table.getMany(keys.map(headerKey), true)
  const found = new Map(items.map((item) => [itemName(item), item]))
  const headers = keys.map((key) => {
    const item = found.get(itemName(headerKey(key)))
    return item && { item, segment: headerOf(key.partition, item, clock.now()) }
  })
  const bodies = await bodiesOf(table, headers.map((header) => header?.segment).filter(isDefined), true)
  return headers.map(
    (header): StoredSegment | undefined =>
      header && { segment: header.segment, ...contentIn(header.item, header.segment, bodies) },
  )
}

const takeBack = async (table: TableClient, segment: Segment): Promise<void> => {
  try {
    await table.delete({
      Key: headerKey(segment.key),
      ConditionExpression: 'e = :version',
      ExpressionAttributeValues: { ':version': { N: String(segment.version) } },
    })
  } catch {
    // The publish fails with the first error.
  }
}

/** Pieces of body items by `<partition key> <number>`. */
export type Bodies = ReadonlyMap<string, Uint8Array>

export const bodiesOf = async (
  table: TableClient,
  segments: readonly Segment[],
  consistent: boolean,
): Promise<Bodies> => {
  const keys = segments.flatMap(({ key, bodyItems }) => bodyKeys(key, bodyItems))
  if (keys.length === 0) return new Map()
  const items = await table.getMany(keys, consistent)
  return new Map(items.map((item) => [itemName(item), item.p?.B ?? new Uint8Array(0)]))
}

const itemName = ({ pk, sk }: Item): string => `${pk?.S} ${sk?.S}`

/**
 * The content of a segment, from its header item or from `bodies`. Undefined where a piece is missing; with the
 * reason where the content can't be read.
 */
export const contentIn = (
  item: Item | undefined,
  segment: Segment,
  bodies: Bodies,
): Pick<StoredSegment, 'content' | 'unreadable'> => {
  if (segment.unreadable !== undefined) return { content: undefined, unreadable: segment.unreadable }
  const packed = packedContent(item, segment, bodies)
  if (!packed) return { content: undefined }
  try {
    const content = unpackContent(packed)
    if (content.messages.length >= segment.slots.length) return { content }
    return { content: undefined, unreadable: 'its content has fewer messages than its header' }
  } catch (error) {
    return { content: undefined, unreadable: reasonOf(error) }
  }
}

const packedContent = (item: Item | undefined, segment: Segment, bodies: Bodies): Uint8Array | undefined => {
  if (segment.bodyItems === 0) return item?.p?.B
  return haveArrived(segment, bodies) ? Buffer.concat(piecesOf(segment, bodies).filter(isDefined)) : undefined
}

/** Whether every body item of a segment was found. */
export const haveArrived = (segment: Segment, bodies: Bodies): boolean => piecesOf(segment, bodies).every(isDefined)

const piecesOf = (segment: Segment, bodies: Bodies): (Uint8Array | undefined)[] =>
  Array.from({ length: segment.bodyItems }, (_, piece) => bodies.get(itemName(bodyKey(segment.key, piece))))

const isDefined = <T>(value: T | undefined): value is T => value !== undefined
