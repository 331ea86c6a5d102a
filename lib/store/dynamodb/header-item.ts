import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { reasonOf } from '../../model/errors.ts'
import { isOrdered } from '../../model/group.ts'
import { LIMITS } from '../../model/limits.ts'
import {
  FRESH,
  GONE,
  goneCount,
  keptUntil,
  type Lease,
  type Segment,
  type Slot,
  TOKEN_BYTES,
  unreadableSegment,
} from '../../model/segment.ts'
import type { SlotCondition } from '../../model/segment-change.ts'
import { dueAtOf, partitionId, type SegmentKey, type SegmentPartition } from '../../model/segment-key.ts'
import { segmentPartition } from '../keys.ts'

/**
 * How a segment's header is stored in the table. Each byte of a name is billed, so names are single letters.
 *
 *     pk  s#<queue>#<generation>#<shard>
 *     sk  <9 − priority><due time><unique>
 *     e   version, N
 *     c   number of messages, N
 *     g   messages gone, N; absent for none
 *     A…Y state of the 1st … 25th message, B: absent while fresh, empty when gone, else a lease (below)
 *     s   published at, N, epoch ms; absent when it equals the time in the sort key
 *     w   waits until, N, epoch ms: the due time of a delayed segment of a FIFO queue, whose key has none
 *     b   number of body items that hold the content, N; absent when the content is here, in p
 *     p   content, B
 *     x   TTL, N, epoch seconds
 *     k   when the messages expire, N, epoch seconds; absent when that is x
 *
 *     lease   token 8 · live 1 (0 while backingOff) · until 6 · receive count 2 · first received 6     = 23 bytes
 *
 * A lease starts with its token so that `BETWEEN token‖0… AND token‖ff` asks for the token alone, and with live and
 * until after it so that the same comparison can ask for "and not over yet" and for "and ending by then".
 */
export type Item = Record<string, AttributeValue>

export const slotName = (index: number): string => String.fromCharCode(65 + index)

const LEASE_BYTES = 23

export const headerKey = (key: SegmentKey): Item => ({
  pk: { S: segmentPartition(key.partition) },
  sk: { S: key.sort },
})

export const headerItem = (segment: Segment): Item => {
  const gone = goneCount(segment)
  const item: Item = {
    ...headerKey(segment.key),
    e: { N: String(segment.version) },
    c: { N: String(segment.slots.length) },
    x: { N: String(Math.ceil(keptUntil(segment) / 1_000)) },
    ...(keptUntil(segment) > segment.expiresAt && { k: { N: String(Math.ceil(segment.expiresAt / 1_000)) } }),
    ...(gone > 0 && { g: { N: String(gone) } }),
    ...(segment.publishedAt !== dueAtOf(segment.key.sort) && { s: { N: String(segment.publishedAt) } }),
    ...(segment.dueAt !== undefined && segment.dueAt !== segment.publishedAt && { w: { N: String(segment.dueAt) } }),
    ...(segment.bodyItems > 0 && { b: { N: String(segment.bodyItems) } }),
  }
  for (const [index, slot] of segment.slots.entries()) {
    const value = slotValue(slot)
    if (value) item[slotName(index)] = value
  }
  return item
}

/** The attributes of a header that a poll needs to choose: all but its content. */
export const HEADER_PROJECTION = [
  'sk',
  'e',
  'c',
  'g',
  's',
  'w',
  'b',
  'x',
  'k',
  ...Array.from({ length: 25 }, (_, index) => slotName(index)),
].join()

/** The segment in a header item. If the item can't be read, a stand-in for it: one damaged item must not end a poll. */
export const headerOf = (partition: SegmentPartition, item: Item, now: number): Segment => {
  try {
    return readHeader(partition, item)
  } catch (error) {
    return unreadableSegment({ partition, sort: item.sk?.S ?? '' }, reasonOf(error), now)
  }
}

/** @throws where the item is damaged, or in a form that this version does not know */
export const readHeader = (partition: SegmentPartition, item: Item): Segment => {
  const sort = item.sk?.S ?? ''
  if (!SORT.test(sort)) throw new Error('its sort key is none of a segment')
  const slots: Slot[] = []
  const count = numberIn(item.c, 'c', 1, LIMITS.batchSize)
  for (let index = 0; index < count; index++) slots.push(slotOf(item[slotName(index)], index))
  const publishedAt = item.s === undefined ? dueAtOf(sort) : numberIn(item.s, 's', 0, MAX_INSTANT)
  return {
    key: { partition, sort },
    version: numberIn(item.e, 'e', 0, MAX_VERSION),
    slots,
    publishedAt,
    // Keys in groups of FIFO queues hold a sequence number in place of the due time.
    ...(isOrdered(partition.group) && {
      dueAt: item.w === undefined ? publishedAt : numberIn(item.w, 'w', 0, MAX_INSTANT),
    }),
    expiresAt: numberIn(item.k ?? item.x, item.k ? 'k' : 'x', 0, MAX_SECONDS) * 1_000,
    ...(item.k && { keptUntil: numberIn(item.x, 'x', 0, MAX_SECONDS) * 1_000 }),
    bodyItems: item.b === undefined ? 0 : numberIn(item.b, 'b', 0, MAX_BODY_ITEMS),
  }
}

const SORT = /^[0-9][0-9a-f]{12,}$/
/** Far more than a publish takes, which is 4 MiB. */
const MAX_BODY_ITEMS = 100
/** What a receipt handle has room for. */
const MAX_VERSION = 2 ** 32 - 1
const MAX_INSTANT = 2 ** 48 - 1
const MAX_SECONDS = 2 ** 32 - 1

const numberIn = (value: AttributeValue | undefined, name: string, min: number, max: number): number => {
  const number = Number(value?.N)
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw new Error(`its attribute ${name} is no whole number from ${min} to ${max}`)
}

/** The stored form of a slot; undefined for a fresh one, which is not stored. */
export const slotValue = (slot: Slot): AttributeValue | undefined =>
  slot.kind === 'fresh' ? undefined : { B: slot.kind === 'gone' ? new Uint8Array(0) : leaseBytes(slot) }

const slotOf = (value: AttributeValue | undefined, index: number): Slot => {
  if (value === undefined) return FRESH
  if (value.B?.length === 0) return GONE
  if (value.B?.length !== LEASE_BYTES) throw new Error(`its attribute ${slotName(index)} is no lease`)
  const bytes = Buffer.from(value.B.buffer, value.B.byteOffset, value.B.byteLength)
  return {
    kind: 'lease',
    token: Uint8Array.from(bytes.subarray(0, TOKEN_BYTES)),
    backingOff: bytes[8] === 0,
    until: bytes.readUIntBE(9, 6),
    receiveCount: bytes.readUInt16BE(15),
    firstReceivedAt: bytes.readUIntBE(17, 6),
  }
}

const leaseBytes = (lease: Lease): Uint8Array => {
  const bytes = Buffer.alloc(LEASE_BYTES)
  bytes.set(lease.token, 0)
  bytes[8] = lease.backingOff ? 0 : 1
  bytes.writeUIntBE(lease.until, 9, 6)
  bytes.writeUInt16BE(lease.receiveCount, 15)
  bytes.writeUIntBE(lease.firstReceivedAt, 17, 6)
  return bytes
}

/**
 * Bounds of the stored forms of leases with a token; with `liveAt`, of those that are not over at that instant; with `endsBy`, of
 * those that end by then, and of those that back off.
 */
export const tokenBounds = ({
  token,
  liveAt,
  endsBy,
}: Omit<Extract<SlotCondition, { kind: 'token' }>, 'kind'>): [from: AttributeValue, to: AttributeValue] => {
  const from = Buffer.alloc(TOKEN_BYTES + 7)
  from.set(token, 0)
  if (liveAt !== undefined) {
    from[TOKEN_BYTES] = 1
    from.writeUIntBE(liveAt + 1, TOKEN_BYTES + 1, 6)
  }
  // No lease has a receive count whose first byte is ff: the bound is above all leases that end at this instant.
  const to = Buffer.alloc(TOKEN_BYTES + 8, 0xff)
  to.set(token, 0)
  if (endsBy !== undefined) {
    to[TOKEN_BYTES] = 1
    to.writeUIntBE(endsBy, TOKEN_BYTES + 1, 6)
  }
  return [{ B: from }, { B: to }]
}

/**
 * The bytes of a header without its content, as DynamoDB bills them once every message is leased, with room for the numbers
 * to grow.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export const headerBytes = ({ key, slots, keptUntil: kept }: Segment): number => {
  const keys = 4 + 2 + Buffer.byteLength(partitionId(key.partition)) + key.sort.length
  const numbers = 5 + 3 + 3 + 9 + 9 + 3 + 7
  const contentName = 1
  const expiry = kept === undefined ? 0 : 7
  return keys + numbers + expiry + contentName + slots.length * (1 + LEASE_BYTES) + SLACK
}
const SLACK = 8
