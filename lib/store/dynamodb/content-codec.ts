import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { decode, encode } from '@msgpack/msgpack'
import type { Content, ContentMessage } from '../../model/content.ts'
import type { DeadLetterOrigin, MessageAttribute } from '../../model/message.ts'

/**
 * A segment's content as bytes: one byte that tells how, then MessagePack, compressed where that pays.
 *
 * A message is a string (text), bytes, or an array of the fields below with the empty ones at the end left out. All
 * messages of a segment are compressed together: in a batch of alike messages most of the bytes are repetition.
 */
type Packed = string | Uint8Array | unknown[]

const PLAIN = 0
const BROTLI = 1
/** Added to either: the bytes end with what stands in the header. */
const ENDS_IN_HEADER = 0x80
/** What a content may unpack to: far above one publish, far below a process's memory. */
const MOST_BYTES = 64 * 1_048_576
/** Above this size time is better spent than bytes: a coarser search. */
const LARGE_BYTES = 65_536

export const packContent = (content: Content): Uint8Array => {
  const packed = encode(content.messages.map(packMessage))
  const bytes = new Uint8Array(packed.length + 1)
  bytes[0] = PLAIN
  bytes.set(packed, 1)
  return bytes
}

/** The same content in fewer bytes, or the same bytes where it doesn't compress. */
export const compressed = (plain: Uint8Array): Uint8Array => {
  const body = plain.subarray(1)
  const squeezed = brotliCompressSync(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: body.length > LARGE_BYTES ? 4 : 6,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  })
  if (squeezed.length >= body.length) return plain
  const bytes = new Uint8Array(squeezed.length + 1)
  bytes[0] = BROTLI
  bytes.set(squeezed, 1)
  return bytes
}

/** Divides packed content into what goes into body items and the last `endBytes`, which go into the header. */
export const divided = (bytes: Uint8Array, endBytes: number): { start: Uint8Array; end: Uint8Array } => {
  const start = bytes.slice(0, bytes.length - endBytes)
  start[0] = (start[0] ?? 0) | ENDS_IN_HEADER
  return { start, end: bytes.subarray(bytes.length - endBytes) }
}

/** Packed content from its body items, with its end when that is in the header; nothing when the end is missing. */
export const rejoined = (start: Uint8Array, end: Uint8Array | undefined): Uint8Array | undefined => {
  if (!((start[0] ?? 0) & ENDS_IN_HEADER)) return start
  return end && Buffer.concat([start, end])
}

export const unpackContent = (bytes: Uint8Array): Content => {
  const body = bytes.subarray(1)
  const plain =
    ((bytes[0] ?? 0) & ~ENDS_IN_HEADER) === BROTLI ? brotliDecompressSync(body, { maxOutputLength: MOST_BYTES }) : body
  return { messages: (decode(plain) as Packed[]).map(unpackMessage) }
}

const packMessage = (message: ContentMessage): Packed => {
  const { body, json, attributes, groupId, deduplicationId, traceHeader, senderId, messageId, publishedAt } = message
  const { deadLetter } = message
  const fields = [
    body,
    json ? 1 : null,
    attributes ? packAttributes(attributes) : null,
    groupId ?? null,
    deduplicationId ?? null,
    traceHeader ?? null,
    senderId ?? null,
    messageId ?? null,
    publishedAt ?? null,
    deadLetter ? [deadLetter.queue, deadLetter.reason, deadLetter.at, deadLetter.receiveCount] : null,
  ]
  while (fields.at(-1) === null) fields.pop()
  return fields.length === 1 ? body : fields
}

const packAttributes = (attributes: Readonly<Record<string, MessageAttribute>>) =>
  Object.entries(attributes).map(([name, { dataType, value }]) => [name, dataType, value])

const unpackMessage = (packed: Packed): ContentMessage => {
  if (!Array.isArray(packed)) return { body: ownBytes(packed) }
  const [body, json, attributes, groupId, deduplicationId, traceHeader, senderId, messageId, publishedAt, deadLetter] =
    packed as [
      string | Uint8Array,
      1 | null,
      [string, string, string | Uint8Array][] | null,
      ...(string | null)[],
    ] as unknown[]
  const text = (name: string, value: unknown) => (typeof value === 'string' ? { [name]: value } : {})
  return {
    body: ownBytes(body as string | Uint8Array),
    ...(json === 1 && { json: true as const }),
    ...(Array.isArray(attributes) && { attributes: unpackAttributes(attributes) }),
    ...text('groupId', groupId),
    ...text('deduplicationId', deduplicationId),
    ...text('traceHeader', traceHeader),
    ...text('senderId', senderId),
    ...text('messageId', messageId),
    ...(typeof publishedAt === 'number' && { publishedAt }),
    ...(Array.isArray(deadLetter) && { deadLetter: unpackOrigin(deadLetter) }),
  }
}

const unpackAttributes = (entries: [string, string, string | Uint8Array][]): Record<string, MessageAttribute> =>
  Object.fromEntries(entries.map(([name, dataType, value]) => [name, { dataType, value: ownBytes(value) }]))

const unpackOrigin = ([queue, reason, at, receiveCount]: unknown[]): DeadLetterOrigin =>
  ({ queue, reason, at, receiveCount }) as unknown as DeadLetterOrigin

/** Decoded bytes are views into the whole segment: a copy lets go of it. */
const ownBytes = (value: string | Uint8Array): string | Uint8Array =>
  typeof value === 'string' ? value : Uint8Array.from(value)
