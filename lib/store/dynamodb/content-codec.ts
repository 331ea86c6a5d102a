import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'
import { decode, encode } from '@msgpack/msgpack'
import type { Content, ContentMessage, RedriveOrigin } from '../../model/content.ts'
import type { DeadLetterOrigin, MessageAttribute } from '../../model/message.ts'

/**
 * A segment's content as bytes: one byte for the format, then MessagePack, compressed where that saves bytes.
 *
 * A message is a string (text), bytes, or an array of the fields below, without the empty ones at its end. All messages of a
 * segment are compressed together, because most bytes of similar messages are repetition.
 */
type Packed = string | Uint8Array | unknown[]

const PLAIN = 0
const BROTLI = 1
/** Content that unpacks to more is refused. Far above what one publish stores, far below the memory of a process. */
const MAX_UNPACKED_BYTES = 64 * 1_048_576
/** Content above this size is compressed at a lower quality, because the time for it matters more than its bytes. */
const LARGE_BYTES = 65_536
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const UUID_DIGITS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/

export const packContent = (content: Content): Uint8Array => {
  const packed = encode(content.messages.map(packMessage))
  const bytes = new Uint8Array(packed.length + 1)
  bytes[0] = PLAIN
  bytes.set(packed, 1)
  return bytes
}

/** The content in fewer bytes; the same bytes where compression saves none. */
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

/** @throws where the bytes are damaged, or in a format that this version does not know */
export const unpackContent = (bytes: Uint8Array): Content => {
  const [format] = bytes
  if (format !== PLAIN && format !== BROTLI) throw new Error(`its content has the unknown format ${format}`)
  const body = bytes.subarray(1)
  const plain = format === BROTLI ? brotliDecompressSync(body, { maxOutputLength: MAX_UNPACKED_BYTES }) : body
  const packed = decode(plain, limitsOf(plain))
  if (!Array.isArray(packed)) throw new Error('its content is no list of messages')
  return { messages: packed.map(unpackMessage) }
}

/** A length that damage has made larger than all of the bytes must not reserve memory. */
const limitsOf = ({ length }: Uint8Array) => ({
  maxStrLength: length,
  maxBinLength: length,
  maxArrayLength: length,
  maxMapLength: length,
  maxExtLength: length,
})

const packMessage = (message: ContentMessage): Packed => {
  const { body, json, attributes, groupId, deduplicationId, traceHeader, senderId, messageId, publishedAt } = message
  const { deadLetter, redriven } = message
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
    deadLetter ? packOrigin(deadLetter) : null,
    redriven ? packRedrive(redriven) : null,
  ]
  while (fields.at(-1) === null) fields.pop()
  return fields.length === 1 ? body : fields
}

const packOrigin = ({ queue, reason, at, receiveCount }: DeadLetterOrigin) => [queue, reason, at, receiveCount]

/** The id of a redrive is a UUID, unless an early version gave it: as bytes it takes half of the room. */
const packRedrive = ({ taskId, publishedAt, deadLetter }: RedriveOrigin) => [
  UUID.test(taskId) ? Buffer.from(taskId.replaceAll('-', ''), 'hex') : taskId,
  publishedAt,
  ...(deadLetter ? [packOrigin(deadLetter)] : []),
]

const packAttributes = (attributes: Readonly<Record<string, MessageAttribute>>) =>
  Object.entries(attributes).map(([name, { dataType, value }]) => [name, dataType, value])

const unpackMessage = (packed: unknown): ContentMessage => {
  if (!Array.isArray(packed)) return { body: textOrBytes(packed) }
  const [body, json, attributes, groupId, deduplicationId, traceHeader, senderId, messageId, publishedAt, ...moved] =
    packed as unknown[]
  const [deadLetter, redriven] = moved
  const text = (name: string, value: unknown) => (typeof value === 'string' ? { [name]: value } : {})
  return {
    body: textOrBytes(body),
    ...(json === 1 && { json: true as const }),
    ...(Array.isArray(attributes) && { attributes: unpackAttributes(attributes) }),
    ...text('groupId', groupId),
    ...text('deduplicationId', deduplicationId),
    ...text('traceHeader', traceHeader),
    ...text('senderId', senderId),
    ...text('messageId', messageId),
    ...(typeof publishedAt === 'number' && { publishedAt }),
    ...(Array.isArray(deadLetter) && { deadLetter: unpackOrigin(deadLetter) }),
    ...(Array.isArray(redriven) && { redriven: unpackRedrive(redriven) }),
  }
}

const unpackAttributes = (entries: readonly unknown[]): Record<string, MessageAttribute> =>
  Object.fromEntries(entries.map(unpackAttribute))

const unpackAttribute = (entry: unknown): [name: string, attribute: MessageAttribute] => {
  const [name, dataType, value] = Array.isArray(entry) ? (entry as unknown[]) : []
  if (typeof name !== 'string' || typeof dataType !== 'string') throw new Error('an attribute of a message has no name')
  return [name, { dataType, value: textOrBytes(value) }]
}

const unpackOrigin = ([queue, reason, at, receiveCount]: readonly unknown[]): DeadLetterOrigin => {
  if (
    typeof queue === 'string' &&
    typeof reason === 'string' &&
    typeof at === 'number' &&
    typeof receiveCount === 'number'
  )
    return { queue, reason, at, receiveCount }
  throw new Error('the dead-letter origin of a message is incomplete')
}

const unpackRedrive = ([id, publishedAt, deadLetter]: readonly unknown[]): RedriveOrigin => {
  if (!(id instanceof Uint8Array || typeof id === 'string') || typeof publishedAt !== 'number')
    throw new Error('the redrive of a message is incomplete')
  return {
    taskId: typeof id === 'string' ? id : Buffer.from(id).toString('hex').replace(UUID_DIGITS, '$1-$2-$3-$4-$5'),
    publishedAt,
    ...(Array.isArray(deadLetter) && { deadLetter: unpackOrigin(deadLetter) }),
  }
}

/** Of bytes a copy: decoded, they are a view into the bytes of the whole segment and would keep those in memory. */
const textOrBytes = (value: unknown): string | Uint8Array => {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  throw new Error('a message has neither text nor bytes')
}
