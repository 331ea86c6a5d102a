import type { Content, ContentMessage } from '../../../model/content.ts'
import { FRESH, GONE, type Lease, type Segment, type Slot, TOKEN_BYTES } from '../../../model/segment.ts'
import type { SegmentPartition } from '../../../model/segment-key.ts'
import type { TicketState } from '../../../model/ticket.ts'
import { packContent, unpackContent } from '../../dynamodb/content-codec.ts'
import type { StoredDocument } from '../entries.ts'
import type { ByteWriter } from './byte-writer.ts'

/**
 * How a segment's header is stored. Numbers are little-endian, instants epoch ms.
 *
 *     version 4 · pieces of the content 2 · body items 2 · shard 1 · published at 6 · expires at 6
 *     · due at 6, all ones if the sort key has it · number of slots 1 · slots
 *     · kept until 6, where the segment is kept longer than its messages
 *
 *     slot     0 fresh, 1 gone, 2 leased, 3 backingOff; the latter two with
 *              token 8 · until 6 · receive count 2 · first received at 6
 */
const NO_INSTANT = 2 ** 48 - 1
const SLOT_KINDS = { fresh: 0, gone: 1, leased: 2, backingOff: 3 } as const

export const encodeSegment = (out: ByteWriter, segment: Segment, pieces: number): void => {
  out.uint32(segment.version)
  out.uint16(pieces)
  out.uint16(segment.bodyItems)
  out.uint8(segment.key.partition.shard)
  out.uint48(segment.publishedAt)
  out.uint48(segment.expiresAt)
  out.uint48(segment.dueAt ?? NO_INSTANT)
  out.uint8(segment.slots.length)
  for (const slot of segment.slots) encodeSlot(out, slot)
  if (segment.keptUntil !== undefined) out.uint48(segment.keptUntil)
}

const encodeSlot = (out: ByteWriter, slot: Slot): void => {
  if (slot.kind !== 'lease') {
    out.uint8(SLOT_KINDS[slot.kind])
    return
  }
  out.uint8(slot.backingOff ? SLOT_KINDS.backingOff : SLOT_KINDS.leased)
  out.raw(slot.token)
  out.uint48(instant(slot.until))
  out.uint16(slot.receiveCount)
  out.uint48(slot.firstReceivedAt)
}

const instant = (at: number): number => Math.min(at, NO_INSTANT)

/** Number of pieces of the content, from a stored header. */
export const piecesIn = (bytes: Buffer): number => bytes.readUInt16LE(4)

export const decodeSegment = (bytes: Buffer, partition: SegmentPartition, sort: string): Segment => {
  const slots: Slot[] = []
  const count = bytes.readUInt8(27)
  let at = 28
  for (let index = 0; index < count; index++) {
    const kind = bytes.readUInt8(at++)
    if (kind === SLOT_KINDS.fresh) slots.push(FRESH)
    else if (kind === SLOT_KINDS.gone) slots.push(GONE)
    else {
      slots.push(decodeLease(bytes, at, kind === SLOT_KINDS.backingOff))
      at += LEASE_BYTES
    }
  }
  const dueAt = bytes.readUIntLE(21, 6)
  return {
    key: { partition, sort },
    version: bytes.readUInt32LE(0),
    slots,
    publishedAt: bytes.readUIntLE(9, 6),
    ...(dueAt !== NO_INSTANT && { dueAt }),
    expiresAt: bytes.readUIntLE(15, 6),
    ...(at < bytes.length && { keptUntil: bytes.readUIntLE(at, 6) }),
    bodyItems: bytes.readUInt16LE(6),
  }
}

const LEASE_BYTES = TOKEN_BYTES + 14

const decodeLease = (bytes: Buffer, at: number, backingOff: boolean): Lease => ({
  kind: 'lease',
  token: Uint8Array.from(bytes.subarray(at, at + TOKEN_BYTES)),
  until: bytes.readUIntLE(at + TOKEN_BYTES, 6),
  receiveCount: bytes.readUInt16LE(at + TOKEN_BYTES + 6),
  firstReceivedAt: bytes.readUIntLE(at + TOKEN_BYTES + 8, 6),
  backingOff,
})

/** The shard, from a stored header: the id of a group's partition does not have the shard. */
export const shardIn = (bytes: Buffer): number => bytes.readUInt8(8)

/**
 * Content is packed as for DynamoDB, but not compressed, because nobody pays for its bytes. A lone message with nothing but a
 * body, the most frequent content, is stored unpacked. The first byte shows which of the forms it is.
 */
const PACKED = 0
const TEXT = 1
const JSON_TEXT = 2

export const encodeContent = (content: Content): Uint8Array => {
  const [only, another] = content.messages
  if (!only || another || !isPlain(only)) {
    const packed = packContent(content)
    packed[0] = PACKED
    return packed
  }
  const { body, json } = only
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(body, 'utf8'))
  bytes[0] = json ? JSON_TEXT : TEXT
  bytes.write(body, 1, 'utf8')
  return bytes
}

const isPlain = (message: ContentMessage): message is ContentMessage & { body: string } => {
  if (typeof message.body !== 'string') return false
  for (const name in message) if (name !== 'body' && name !== 'json') return false
  return true
}

export const decodeContent = (bytes: Buffer): Content => {
  if (bytes[0] === PACKED) return unpackContent(bytes)
  const body = bytes.toString('utf8', 1)
  return { messages: [bytes[0] === JSON_TEXT ? { body, json: true } : { body }] }
}

/** Documents and tickets are stored as JSON. The ticket of an idle group has no `lockedUntil`, because JSON has no Infinity. */
export const encodeDocument = (out: ByteWriter, { version, value, expiresAt }: StoredDocument): void =>
  void out.text(JSON.stringify({ version, value, expiresAt }))

export const decodeDocument = (bytes: Buffer, partition: string, sort: string): StoredDocument => ({
  partition,
  sort,
  ...(JSON.parse(bytes.toString('utf8')) as Pick<StoredDocument, 'version' | 'value' | 'expiresAt'>),
})

export const encodeTicket = (out: ByteWriter, { lockedUntil, ...ticket }: TicketState): void =>
  void out.text(JSON.stringify({ ...ticket, ...(lockedUntil < Number.POSITIVE_INFINITY && { lockedUntil }) }))

export const decodeTicket = (bytes: Buffer): TicketState => ({
  lockedUntil: Number.POSITIVE_INFINITY,
  ...(JSON.parse(bytes.toString('utf8')) as Omit<TicketState, 'lockedUntil'>),
})
