import type { SegmentKey } from '../../model/segment-key.ts'
import { bodyPartition } from '../keys.ts'
import type { NewSegment } from '../port.ts'
import { compressed, packContent } from './content-codec.ts'
import { headerBytes, headerItem, type Item } from './header-item.ts'

/**
 * The items of a new segment. DynamoDB bills the header at each publish, claim and ack, and a body item once. So the content
 * is in the header where the header then fits in one write unit, compressed if that is needed. Larger content is in body
 * items, which TTL deletes at no cost.
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
/** Below DynamoDB's limit of 400 KB for an item. */
const PIECE_BYTES = 384_000
const BODY_OUTLIVES_SECONDS = 86_400

export const segmentItems = ({ segment, content }: NewSegment): SegmentItems => {
  const room = WRITE_UNIT_BYTES - headerBytes(segment)
  const plain = packContent(content)
  const bytes = plain.length <= room ? plain : compressed(plain)
  if (bytes.length <= room) return { header: { ...headerItem(segment), p: { B: bytes } }, bodies: [] }
  const bodies: Item[] = []
  const expiry = { N: String(Math.ceil(segment.expiresAt / 1_000) + BODY_OUTLIVES_SECONDS) }
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    bodies.push({ ...bodyKey(segment.key, bodies.length), p: { B: bytes.subarray(at, at + PIECE_BYTES) }, x: expiry })
  }
  return { header: headerItem({ ...segment, bodyItems: bodies.length }), bodies }
}

export const bodyKey = (key: SegmentKey, piece: number): Item => ({
  pk: { S: bodyPartition(key) },
  sk: { S: String(piece) },
})

export const bodyKeys = (key: SegmentKey, pieces: number): Item[] =>
  Array.from({ length: pieces }, (_, piece) => bodyKey(key, piece))
