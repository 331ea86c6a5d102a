import type { ByteWriter } from './byte-writer.ts'
import { crc32 } from './crc32.ts'

/**
 * A log file is a header and records, one behind the other. A record holds what the steps of one moment changed: all of
 * it is there, or it is the torn end of a log and counts for nothing.
 *
 *     file     "HFLOG" 5 · layout 1 · 0 0 · number of the log 4 · salt 4
 *     record   length of its changes 4 · checksum 4 · changes
 *     change   kind 1 · space 1 · length of partition 2 · of sort key 2 · pieces 2 · length of head 4 · of body 4
 *              · partition · sort key · head · body
 *     end      a record of length 0: the log is complete, the next one goes on from here
 *
 * The checksum is seeded with the salt, which nobody outside knows, and with the place of the record: so no bytes in a
 * message's body, and none left over from another record, pass for a record.
 */
export const LOG_HEADER_BYTES = 16
const MAGIC = 'HFLOG'
export const LOG_LAYOUT = 1
const RECORD_HEADER_BYTES = 8
const CHANGE_HEADER_BYTES = 16

export type Space = 's' | 'd' | 't'

/** `insert` is a put of what surely was not there before. */
const KINDS = ['delete', 'put', 'insert'] as const

export interface LoggedChange {
  readonly kind: (typeof KINDS)[number]
  readonly space: Space
  readonly partition: string
  readonly sort: string
  /** Of a put: what is stored under the key itself. */
  readonly head: Uint8Array
  /** What is stored beside it in pieces, if that is new. */
  readonly body: Uint8Array | undefined
  /** Pieces of the body that is stored: of a delete, those to delete along. */
  readonly pieces: number
}

export const writeLogHeader = (out: ByteWriter, number: number, salt: number): void => {
  out.raw(Buffer.from(MAGIC, 'latin1'))
  out.uint8(LOG_LAYOUT)
  out.uint16(0)
  out.uint32(number)
  out.uint32(salt)
}

export interface LogHeader {
  readonly layout: number
  readonly number: number
  readonly salt: number
}

/** Nothing where the bytes don't begin with a whole header. */
export const readLogHeader = (bytes: Buffer): LogHeader | undefined => {
  if (bytes.length < LOG_HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  return { layout: bytes.readUInt8(5), number: bytes.readUInt32LE(8), salt: bytes.readUInt32LE(12) }
}

/** Leaves room for a record's header; `endRecord` fills it in. */
export const beginRecord = (out: ByteWriter): void => {
  out.uint32(0)
  out.uint32(0)
}

export const isEmptyRecord = (out: ByteWriter): boolean => out.length <= RECORD_HEADER_BYTES

/** Fills in the header of the record that is all that `out` holds, for this place in the file. */
export const endRecord = (out: ByteWriter, salt: number, position: number): Buffer => {
  const bytes = out.bytes()
  out.uint32At(bytes.length - RECORD_HEADER_BYTES, 0)
  out.uint32At(checksum(bytes.subarray(RECORD_HEADER_BYTES), salt, position), 4)
  return bytes
}

const checksum = (changes: Uint8Array, salt: number, position: number): number =>
  crc32(changes, (salt ^ Math.imul(position + 1, 0x9e3779b1)) >>> 0)

/** What a change says of a key, but for the bytes that are stored under it. */
export type ChangeOf = Omit<LoggedChange, 'head' | 'body'>

/** Writes a change. `head` writes what is stored under the key itself. */
export const writeChange = (
  out: ByteWriter,
  { kind, space, partition, sort, pieces }: ChangeOf,
  head?: () => void,
  body?: Uint8Array,
): void => {
  const start = out.length
  out.uint8(KINDS.indexOf(kind))
  out.uint8(space.charCodeAt(0))
  out.uint32(0)
  out.uint16(pieces)
  out.uint32(0)
  out.uint32(0)
  out.uint16At(out.text(partition), start + 2)
  out.uint16At(out.text(sort), start + 4)
  const { length: headAt } = out
  head?.()
  out.uint32At(out.length - headAt, start + 8)
  if (!body) return
  // A body is never empty: its first byte says how it is packed.
  out.uint32At(body.length, start + 12)
  out.raw(body)
}

export interface LogContents {
  readonly changes: LoggedChange[]
  /** Bytes up to the end of the last whole record. */
  readonly wholeBytes: number
  /** Whether the log says that it is complete. */
  readonly complete: boolean
}

/** All changes of a log, in order, up to its end or to where it is torn. They share the bytes given. */
export const readLog = (bytes: Buffer, { salt }: LogHeader): LogContents => {
  const changes: LoggedChange[] = []
  let at = LOG_HEADER_BYTES
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const end = at + RECORD_HEADER_BYTES + bytes.readUInt32LE(at)
    if (end > bytes.length) break
    const record = bytes.subarray(at + RECORD_HEADER_BYTES, end)
    if (bytes.readUInt32LE(at + 4) !== checksum(record, salt, at)) break
    if (record.length === 0) return { changes, wholeBytes: end, complete: true }
    readRecord(record, changes)
    at = end
  }
  return { changes, wholeBytes: Math.min(at, bytes.length), complete: false }
}

const readRecord = (record: Buffer, changes: LoggedChange[]): void => {
  for (let at = 0; at < record.length; ) {
    const partitionAt = at + CHANGE_HEADER_BYTES
    const sortAt = partitionAt + record.readUInt16LE(at + 2)
    const headAt = sortAt + record.readUInt16LE(at + 4)
    const bodyAt = headAt + record.readUInt32LE(at + 8)
    const bodyBytes = record.readUInt32LE(at + 12)
    changes.push({
      kind: KINDS[record.readUInt8(at)] ?? 'put',
      space: String.fromCharCode(record.readUInt8(at + 1)) as Space,
      partition: record.toString('utf8', partitionAt, sortAt),
      sort: record.toString('utf8', sortAt, headAt),
      head: record.subarray(headAt, bodyAt),
      body: bodyBytes > 0 ? record.subarray(bodyAt, bodyAt + bodyBytes) : undefined,
      pieces: record.readUInt16LE(at + 6),
    })
    at = bodyAt + bodyBytes
  }
}
