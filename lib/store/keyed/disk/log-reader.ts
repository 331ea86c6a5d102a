import { crc32 } from './crc32.ts'
import {
  BOOT_BYTES,
  CHANGE_HEADER_BYTES,
  checksum,
  KINDS,
  LOG_HEADER_BYTES,
  LOG_LAYOUT,
  type LoggedChange,
  type LogHeader,
  MAGIC,
  RECORD_HEADER_BYTES,
  type Space,
} from './log-record.ts'

/**
 * How a log ends. `complete`: with the record that marks it as complete. `open`: behind another whole record. `torn`: in a
 * way that a killed process or an end of the machine can leave. `damaged`: in any other way.
 */
export type LogEnd =
  | { readonly kind: 'complete' | 'open' }
  | { readonly kind: 'torn' | 'damaged'; readonly at: number }
  | { readonly kind: 'unknown layout'; readonly layout: number }

export interface LogContents {
  /** All changes, in order, up to the end. They are views into the bytes that were read. */
  readonly changes: LoggedChange[]
  readonly end: LogEnd
  /** Whether the machine has not been restarted since the log was begun. */
  readonly isOfThisBoot: boolean
}

/** @param boot the id of this start of the machine; zeros where it has none */
export const readLog = (bytes: Buffer, boot: Uint8Array): LogContents => {
  const changes: LoggedChange[] = []
  const header = headerIn(bytes)
  if ('kind' in header) return { changes, end: header, isOfThisBoot: false }
  const isOfThisBoot = boot.some((byte) => byte !== 0) && Buffer.compare(header.boot, boot) === 0
  return { changes, end: readRecords(bytes, { header, isOfThisBoot }, changes), isOfThisBoot }
}

const headerIn = (bytes: Buffer): LogHeader | LogEnd => {
  // The header is on the disk before a record is appended, so a log without a header was still being created.
  if (bytes.every((byte) => byte === 0)) return { kind: 'torn', at: 0 }
  const isLog = bytes.toString('latin1', 0, MAGIC.length) === MAGIC.slice(0, bytes.length)
  const layout = bytes[MAGIC.length] ?? LOG_LAYOUT
  if (isLog && layout !== LOG_LAYOUT) return { kind: 'unknown layout', layout }
  if (isLog && bytes.length < LOG_HEADER_BYTES) return { kind: 'torn', at: 0 }
  const sumAt = LOG_HEADER_BYTES - 4
  if (!isLog || bytes.readUInt32LE(sumAt) !== crc32(bytes.subarray(0, sumAt))) return { kind: 'damaged', at: 0 }
  return {
    number: bytes.readUInt32LE(8),
    salt: bytes.readUInt32LE(12),
    boot: bytes.subarray(16, 16 + BOOT_BYTES),
  }
}

const readRecords = (
  bytes: Buffer,
  { header: { salt }, isOfThisBoot }: { header: LogHeader; isOfThisBoot: boolean },
  changes: LoggedChange[],
): LogEnd => {
  for (let at = LOG_HEADER_BYTES; at < bytes.length; ) {
    const record = recordAt(bytes, at, salt)
    if (record === 'cut off') return { kind: 'torn', at }
    if (record === 'wrong') {
      // A kill leaves the start of a record, never a wrong one. The end of the machine may leave wrong bytes, but not in what the disk had.
      return { kind: isOfThisBoot || syncedBehind(bytes, at, salt) > at ? 'damaged' : 'torn', at }
    }
    if (record.length === 0) return { kind: 'complete' }
    readChanges(record, changes)
    at += RECORD_HEADER_BYTES + record.length
  }
  return { kind: 'open' }
}

/** The changes of a record; `cut off` where the file ends within it, `wrong` where its checksum does not fit. */
const recordAt = (bytes: Buffer, at: number, salt: number): Buffer | 'cut off' | 'wrong' => {
  const from = at + RECORD_HEADER_BYTES
  if (from > bytes.length) return 'cut off'
  if (bytes.readUInt32LE(at + 12) !== checksum(bytes.subarray(at, at + 12), salt, at)) return 'wrong'
  const end = from + bytes.readUInt32LE(at)
  if (end > bytes.length) return 'cut off'
  const record = bytes.subarray(from, end)
  return bytes.readUInt32LE(at + 8) === checksum(record, salt, at) ? record : 'wrong'
}

/** How many bytes of the log the disk had, by the records behind a position. */
const syncedBehind = (bytes: Buffer, at: number, salt: number): number => {
  let synced = 0
  for (let next = at + 1; next + RECORD_HEADER_BYTES <= bytes.length; next++) {
    // A cheap test, which most positions fail, before the checksum.
    if (bytes.readUInt32LE(next) > bytes.length || bytes.readUInt32LE(next + 4) > next) continue
    if (typeof recordAt(bytes, next, salt) !== 'string') synced = Math.max(synced, bytes.readUInt32LE(next + 4))
  }
  return synced
}

const readChanges = (record: Buffer, changes: LoggedChange[]): void => {
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
