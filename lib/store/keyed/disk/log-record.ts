import type { ByteWriter } from './byte-writer.ts'
import { crc32 } from './crc32.ts'

/**
 * A log file is a header and a sequence of records. A record has the changes of the steps of one turn of the event loop: all
 * of them count, or none.
 *
 *     file     "HFLOG" 5 · layout 1 · 0 0 · number of the log 4 · salt 4 · boot 16 · checksum of these 4
 *     record   length of its changes 4 · synced 4 · checksum of the changes 4 · checksum of these 4 · changes
 *     change   kind 1 · space 1 · length of partition 2 · of sort key 2 · pieces 2 · length of head 4 · of body 4
 *              · partition · sort key · head · body
 *     end      a record of length 0: the log is complete, and the next log continues it
 *
 * The checksums are seeded with the salt, a random number that no publisher knows, and with the record's position. So no
 * bytes in a message's body, and none left over from another record, look like a record.
 *
 * A killed process leaves the start of a record behind the last whole one. An end of the machine loses bytes that the disk
 * did not have yet. Anything else is damage, and the store refuses to start on it. `boot` is the id of the machine's start,
 * zeros where it has none, and `synced` is how many bytes of the log the disk had when the record was written.
 */
export const LOG_HEADER_BYTES = 36
export const MAGIC = 'HFLOG'
export const LOG_LAYOUT = 2
export const BOOT_BYTES = 16
export const RECORD_HEADER_BYTES = 16
export const CHANGE_HEADER_BYTES = 16

export type Space = 's' | 'd' | 't'

/** `insert` is a put of a key that certainly did not exist. */
export const KINDS = ['delete', 'put', 'insert'] as const

export interface LoggedChange {
  readonly kind: (typeof KINDS)[number]
  readonly space: Space
  readonly partition: string
  readonly sort: string
  /** For a put, the bytes that are stored under the key itself. */
  readonly head: Uint8Array
  /** The body, which is stored in pieces; undefined where it has not changed. */
  readonly body: Uint8Array | undefined
  /** Number of pieces of the stored body, or for a delete of the body to delete. */
  readonly pieces: number
}

export interface LogHeader {
  readonly number: number
  readonly salt: number
  /** The id of the machine's start. */
  readonly boot: Uint8Array
}

export const writeLogHeader = (out: ByteWriter, { number, salt, boot }: LogHeader): void => {
  out.raw(Buffer.from(MAGIC, 'latin1'))
  out.uint8(LOG_LAYOUT)
  out.uint16(0)
  out.uint32(number)
  out.uint32(salt)
  out.raw(boot)
  out.uint32(crc32(out.bytes()))
}

/** The state of a log when a record is appended to it. */
export interface LogPlace {
  readonly salt: number
  /** How many bytes the log has. */
  readonly size: number
  /** How many of them are on the disk. */
  readonly synced: number
}

/** Leaves room for a record's header; `endRecord` fills it in. */
export const beginRecord = (out: ByteWriter): void => {
  for (let at = 0; at < RECORD_HEADER_BYTES; at += 4) out.uint32(0)
}

export const isEmptyRecord = (out: ByteWriter): boolean => out.length <= RECORD_HEADER_BYTES

/** Fills in the header of the record that `out` holds, for the end of a log. Returns the record's bytes. */
export const endRecord = (out: ByteWriter, { salt, size, synced }: LogPlace): Buffer => {
  const bytes = out.bytes()
  out.uint32At(bytes.length - RECORD_HEADER_BYTES, 0)
  out.uint32At(synced, 4)
  out.uint32At(checksum(bytes.subarray(RECORD_HEADER_BYTES), salt, size), 8)
  out.uint32At(checksum(bytes.subarray(0, 12), salt, size), 12)
  return bytes
}

export const checksum = (bytes: Uint8Array, salt: number, position: number): number =>
  crc32(bytes, (salt ^ Math.imul(position + 1, 0x9e3779b1)) >>> 0)

/** A change without the bytes that it stores. */
export type ChangeOf = Omit<LoggedChange, 'head' | 'body'>

/** Writes a change. `head` writes the bytes to store under the key itself. */
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
  // A body is never empty: its first byte shows how it is packed.
  out.uint32At(body.length, start + 12)
  out.raw(body)
}
