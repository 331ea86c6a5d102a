import { partitionId, type SegmentKey } from '../segment-key.ts'
import type { NewSegment } from '../store.ts'
import { compressed, packContent } from './content-codec.ts'
import { headerBytes, headerItem, type Item } from './header-item.ts'

/**
 * The items of a new segment. The header is billed at each publish, claim and ack, a body item once: so the content
 * goes into the header while the whole stays within one write unit, compressed if it must be, and else into items of
 * its own, which no one ever pays to delete: TTL reclaims them.
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

export const segmentItems = ({ segment, content }: NewSegment): SegmentItems => {
  const room = WRITE_UNIT_BYTES - headerBytes(segment)
  const plain = packContent(content)
  const bytes = plain.length <= room ? plain : compressed(plain)
  if (bytes.length <= room) return { header: { ...headerItem(segment), p: { B: bytes } }, bodies: [] }
  const bodies: Item[] = []
  const expiry = { N: String(Math.ceil(segment.expiresAt / 1_000) + BODY_OUTLIVES_SECONDS) }
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    const piece = bytes.subarray(start, start + PIECE_BYTES)
    bodies.push({ ...bodyKey(segment.key, bodies.length), p: { B: piece }, x: expiry })
  }
  return { header: headerItem({ ...segment, bodyItems: bodies.length }), bodies }
}

export const bodyKey = (key: SegmentKey, piece: number): Item => ({
  pk: { S: `b#${partitionId(key.partition)}#${key.sort}` },
  sk: { S: String(piece) },
})

export const bodyKeys = (key: SegmentKey, pieces: number): Item[] =>
  Array.from({ length: pieces }, (_, piece) => bodyKey(key, piece))
