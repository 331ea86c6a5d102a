import { groupSort, isFairGroup, sequenceOf } from './group.ts'
import { priorityOf, type SegmentKey, sortKey, uniqueOf } from './segment-key.ts'

/**
 * A message id is the message's address: a UUID of version 8 (RFC 9562) that holds the segment's key and the message's
 * place in it, so that looking a message up by its id is one read and needs no index.
 *
 *     48 bits due time · 4 version · 1 zero · 4 priority · 7 shard · 2 variant · 5 place · 1 zero · 56 unique
 *
 * In a message group, where a sequence number of 60 bits stands for the due time:
 *
 *     48 bits sequence · 4 version · 1 one · 11 sequence · 2 variant · 1 sequence · 5 place · 56 hash of the group
 *
 * and in a group of a standard queue:
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
  const time = key.sort.slice(1, 13)
  const place = (priorityOf(key.sort) << 7) | key.partition.shard
  const unique = BigInt(`0x${uniqueOf(key.sort)}`)
  const low = (2n << 62n) | (BigInt(index) << 57n) | unique
  return asUuid(time, place, low)
}

const IN_GROUP = 0x800

const encodeGroupId = (sequence: string, index: number, group: string): string => {
  const counter = Number.parseInt(sequence.slice(12), 16)
  const low = (2n << 62n) | (BigInt(counter & 1) << 61n) | (BigInt(index) << 56n) | BigInt(`0x${group}`)
  return asUuid(sequence.slice(0, 12), IN_GROUP | (counter >> 1), low)
}

const FAIR_UNIQUE_DIGITS = 9

/** The unique part of a sort key cut down to what an id of a fair group has room for. */
export const fairUnique = (unique: string): string => unique.slice(0, FAIR_UNIQUE_DIGITS).padEnd(unique.length, '0')

const encodeFairId = (sort: string, index: number, group: string): string => {
  const unique = BigInt(`0x${uniqueOf(sort).slice(0, FAIR_UNIQUE_DIGITS)}`)
  const low = (2n << 62n) | ((unique & 0x1ffffffn) << 37n) | (BigInt(index) << 32n) | BigInt(`0x${group}`)
  return asUuid(sort.slice(1, 13), IN_GROUP | Number(unique >> 25n), low)
}

const decodeFairId = (hex: string, place: number, low: bigint): MessageAddress => {
  const unique = (BigInt(place & 0x7ff) << 25n) | ((low >> 37n) & 0x1ffffffn)
  const digits = fairUnique(unique.toString(16).padStart(FAIR_UNIQUE_DIGITS, '0').padEnd(14, '0'))
  return {
    shard: 0,
    group: (low & 0xffffffffn).toString(16).padStart(8, '0'),
    sort: sortKey({ priority: 0, dueAt: Number.parseInt(hex.slice(0, 12), 16), unique: digits }),
    index: Number((low >> 32n) & 0x1fn),
  }
}

const asUuid = (time: string, place: number, low: bigint): string => {
  const tail = low.toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-8${place.toString(16).padStart(3, '0')}-${tail.slice(0, 4)}-${tail.slice(4)}`
}

/**
 * The address in a message id, or nothing when the text is no id of ours. Whether the queue is a standard one decides
 * how an id of a group is read.
 */
export const decodeMessageId = (
  text: string,
  { standard = false }: { standard?: boolean } = {},
): MessageAddress | undefined => {
  if (!UUID.test(text)) return undefined
  const hex = text.replaceAll('-', '')
  const place = Number.parseInt(hex.slice(13, 16), 16)
  const low = BigInt(`0x${hex.slice(16)}`)
  if (place & IN_GROUP && standard) return decodeFairId(hex, place, low)
  if (place & IN_GROUP) {
    const counter = ((place & 0x7ff) << 1) | Number((low >> 61n) & 1n)
    const group = (low & ((1n << 56n) - 1n)).toString(16).padStart(14, '0')
    const sequence = hex.slice(0, 12) + counter.toString(16).padStart(3, '0')
    return { shard: 0, group, sort: groupSort(sequence), index: Number((low >> 56n) & 0x1fn) }
  }
  const priority = (place >> 7) & 0xf
  if (priority > 9) return undefined
  const unique = (low & ((1n << 56n) - 1n)).toString(16).padStart(14, '0')
  const sort = sortKey({ priority, dueAt: Number.parseInt(hex.slice(0, 12), 16), unique })
  return { shard: place & 0x7f, sort, index: Number((low >> 57n) & 0x1fn) }
}
