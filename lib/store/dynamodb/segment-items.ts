import { partitionId, type SegmentKey } from '../../model/segment-key.ts'
import { bodyPartition } from '../keys.ts'
import type { NewSegment } from '../port.ts'
import { compressed, divided, packContent } from './content-codec.ts'
import { headerBytes, headerItem, type Item } from './header-item.ts'

/**
 * The items of a new segment. The header is billed at each publish, claim and ack, a body item once: so the content
 * goes into the header while the whole stays within one write unit, compressed if it must be, and else into items of
 * its own, which no one ever pays to delete: TTL reclaims them. Where it saves a unit, the end of the content still
 * fills up the header, which is billed as a whole unit anyway.
 *
 *     body    pk  b#<queue>#<generation>#<shard>#<sort key>     sk  its number, from 0
 *             p   a piece of the content, B
 *             x   TTL, N, epoch seconds: a day after the header's
 */
export interface SegmentItems {
  readonly header: Item
  readonly bodies: readonly Item[]
}

const WRITE_UNIT_BYTES = 1_024
/** Within DynamoDB's 400 KB an item. */
const PIECE_BYTES = 384_000
const BODY_OUTLIVES_SECONDS = 86_400
/** Of a body item besides its content and the ids in its key: names, sort key, TTL. */
const BODY_OVERHEAD_BYTES = 24

export const segmentItems = ({ segment, content }: NewSegment): SegmentItems => {
  const room = WRITE_UNIT_BYTES - headerBytes(segment)
  const plain = packContent(content)
  const bytes = plain.length <= room ? plain : compressed(plain)
  if (bytes.length <= room) return { header: { ...headerItem(segment), p: { B: bytes } }, bodies: [] }
  const endBytes = endInHeader(segment.key, bytes.length, room)
  const { start, end } = endBytes > 0 ? divided(bytes, endBytes) : { start: bytes }
  const bodies: Item[] = []
  const expiry = { N: String(Math.ceil(segment.expiresAt / 1_000) + BODY_OUTLIVES_SECONDS) }
  for (let at = 0; at < start.length; at += PIECE_BYTES) {
    bodies.push({ ...bodyKey(segment.key, bodies.length), p: { B: start.subarray(at, at + PIECE_BYTES) }, x: expiry })
  }
  return { header: { ...headerItem({ ...segment, bodyItems: bodies.length }), ...(end && { p: { B: end } }) }, bodies }
}

/** How much of the content's end to put into the header: as little as saves a write unit, or nothing. */
const endInHeader = (key: SegmentKey, bytes: number, room: number): number => {
  if (bytes > PIECE_BYTES) return 0
  const beyondUnit =
    (BODY_OVERHEAD_BYTES + partitionId(key.partition).length + key.sort.length + bytes) % WRITE_UNIT_BYTES
  return beyondUnit > 0 && beyondUnit <= room && bytes > beyondUnit ? beyondUnit : 0
}

export const bodyKey = (key: SegmentKey, piece: number): Item => ({
  pk: { S: bodyPartition(key) },
  sk: { S: String(piece) },
})

export const bodyKeys = (key: SegmentKey, pieces: number): Item[] =>
  Array.from({ length: pieces }, (_, piece) => bodyKey(key, piece))
