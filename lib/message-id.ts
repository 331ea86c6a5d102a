import { priorityOf, type SegmentKey, sortKey, uniqueOf } from './segment-key.ts'

/**
 * A message id is the message's address: a UUID of version 8 (RFC 9562) that holds the segment's key and the message's
 * place in it, so that looking a message up by its id is one read and needs no index.
 *
 *     48 bits due time · 4 version · 1 zero · 4 priority · 7 shard · 2 variant · 5 place · 1 zero · 56 unique
 */
export interface MessageAddress {
  readonly shard: number
  readonly sort: string
  /** Place in its segment, 0 … 24. */
  readonly index: number
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export const encodeMessageId = (key: SegmentKey, index: number): string => {
  const time = key.sort.slice(1, 13)
  const place = (priorityOf(key.sort) << 7) | key.partition.shard
  const unique = BigInt(`0x${uniqueOf(key.sort)}`)
  const low = (2n << 62n) | (BigInt(index) << 57n) | unique
  const tail = low.toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-8${place.toString(16).padStart(3, '0')}-${tail.slice(0, 4)}-${tail.slice(4)}`
}

/** The address in a message id, or nothing when the text is no id of ours. */
export const decodeMessageId = (text: string): MessageAddress | undefined => {
  if (!UUID.test(text)) return undefined
  const hex = text.replaceAll('-', '')
  const place = Number.parseInt(hex.slice(13, 16), 16)
  const low = BigInt(`0x${hex.slice(16)}`)
  const priority = (place >> 7) & 0xf
  if (place >> 11 !== 0 || priority > 9) return undefined
  const unique = (low & ((1n << 56n) - 1n)).toString(16).padStart(14, '0')
  const sort = sortKey({ priority, dueAt: Number.parseInt(hex.slice(0, 12), 16), unique })
  return { shard: place & 0x7f, sort, index: Number((low >> 57n) & 0x1fn) }
}

