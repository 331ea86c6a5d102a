import { groupSort, isFairGroup, sequenceOf } from './group.ts'
import { priorityOf, type SegmentKey, sortKey, uniqueOf } from './segment-key.ts'

/**
 * A message id is the message's address: a UUID of version 8 (RFC 9562) that holds the segment's key and the message's
 * place in it, so that looking a message up by its id is one read and needs no index.
 *
 *     48 bits due time · 4 version · 1 zero · 4 priority · 7 shard · 2 variant · 5 place · 1 zero · 56 unique
 *
 * In an ordered group, a sequence number of 60 bits takes the place of the due time:
 *
 *     48 bits sequence · 4 version · 1 one · 11 sequence · 2 variant · 1 sequence · 5 place · 56 hash of the group
 *
 * In a group of a standard queue, there is room for the first 36 of the bits that make the key unique:
 *
 *     48 bits due time · 4 version · 1 one · 11 unique · 2 variant · 25 unique · 5 place · 32 hash of the group
 */
export interface MessageAddress {
  readonly shard: number
  /** Hash of the message group, for a message of a FIFO queue; then its ticket's shard follows from it. */
  readonly group?: string
  readonly sort: string
  /** Place in its segment, 0 … 24. */
  readonly index: number
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export const encodeMessageId = (key: SegmentKey, index: number): string => {
  const { group } = key.partition
  if (group !== undefined) {
    return isFairGroup(group) ? encodeFairId(key.sort, index, group) : encodeGroupId(sequenceOf(key.sort), index, group)
  }
  const place = (priorityOf(key.sort) << 7) | key.partition.shard
  return asUuid(key.sort.slice(1, 13), place, hex(VARIANT | (index << 1), 2) + uniqueOf(key.sort))
}

const IN_GROUP = 0x800
/** The variant of RFC 9562 in the first byte of the second half. */
const VARIANT = 0x80

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

const encodeGroupId = (sequence: string, index: number, group: string): string => {
  const counter = Number.parseInt(sequence.slice(12), 16)
  return asUuid(
    sequence.slice(0, 12),
    IN_GROUP | (counter >> 1),
    hex(VARIANT | ((counter & 1) << 5) | index, 2) + group,
  )
}

const FAIR_UNIQUE_DIGITS = 9
const UNIQUE_DIGITS = 14
/** 2^25: the second half of an id holds the lower 25 of the 36 unique bits, and the first half the rest. */
const FAIR_LOW = 0x2000000

/** The end of the range of keys to which a message id of a fair group may belong. The range begins with the decoded key. */
export const fairSortEnd = (sort: string): string => `${sortInId(sort)}~`

/** The part of the sort key of a fair group's segment that its messages' ids hold. */
export const sortInId = (sort: string): string => sort.slice(0, sort.length - UNIQUE_DIGITS + FAIR_UNIQUE_DIGITS)

const encodeFairId = (sort: string, index: number, group: string): string => {
  const unique = Number.parseInt(uniqueOf(sort).slice(0, FAIR_UNIQUE_DIGITS), 16)
  const low = (VARIANT << 24) | ((unique % FAIR_LOW) << 5) | index
  return asUuid(sort.slice(1, 13), IN_GROUP | Math.floor(unique / FAIR_LOW), hex(low >>> 0, 8) + group)
}

const decodeFairId = (digits: string, place: number): MessageAddress => {
  const low = Number.parseInt(digits.slice(16, 24), 16)
  const unique = (place & 0x7ff) * FAIR_LOW + ((low >>> 5) & (FAIR_LOW - 1))
  return {
    shard: 0,
    group: digits.slice(24),
    sort: sortKey({
      priority: 0,
      dueAt: Number.parseInt(digits.slice(0, 12), 16),
      unique: hex(unique, FAIR_UNIQUE_DIGITS).padEnd(UNIQUE_DIGITS, '0'),
    }),
    index: low & 0x1f,
  }
}

const asUuid = (time: string, place: number, half: string): string =>
  `${time.slice(0, 8)}-${time.slice(8)}-8${hex(place, 3)}-${half.slice(0, 4)}-${half.slice(4)}`

/**
 * The address in a message id; `undefined` when the text is no message id. The kind of the queue decides how the id of a message
 * in a group is read.
 */
export const decodeMessageId = (
  text: string,
  { standard = false }: { standard?: boolean } = {},
): MessageAddress | undefined => {
  if (!UUID.test(text)) return undefined
  const digits = text.replaceAll('-', '')
  const place = Number.parseInt(digits.slice(13, 16), 16)
  if (place & IN_GROUP && standard) return decodeFairId(digits, place)
  const head = Number.parseInt(digits.slice(16, 18), 16)
  if (place & IN_GROUP) {
    const counter = ((place & 0x7ff) << 1) | ((head >> 5) & 1)
    return {
      shard: 0,
      group: digits.slice(18),
      sort: groupSort(digits.slice(0, 12) + hex(counter, 3)),
      index: head & 0x1f,
    }
  }
  const priority = (place >> 7) & 0xf
  // The last bit of the byte is unused: with it set, a message would have a second id.
  if (priority > 9 || head & 1) return undefined
  const dueAt = Number.parseInt(digits.slice(0, 12), 16)
  const sort = sortKey({ priority, dueAt, unique: digits.slice(18) })
  return { shard: place & 0x7f, sort, index: (head >> 1) & 0x1f }
}
