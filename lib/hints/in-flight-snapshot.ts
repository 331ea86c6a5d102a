import type { JsonValue } from '../model/message.ts'
import { sortFrom, sortRightBehind } from '../model/segment-key.ts'
import { type KeyRange, MAX_RANGE_HEADERS } from './scan-cache/key-range.ts'

/**
 * The key ranges in flight at the front of one priority of one partition, as one process publishes them for others: a process that
 * polls for the first time need not read their headers.
 *
 * It fits into one write unit: neighbouring key ranges are joined, and a joined range ends when the first of its parts ends. It is
 * a hint: the messages that it hides are still stored.
 */
export interface InFlightSnapshot {
  /** Epoch ms. */
  readonly writtenAt: number
  /** In order and without overlap. */
  readonly keyRanges: readonly KeyRange[]
}

/** What a process knows of the snapshot of one priority of one partition. Instants are epoch ms. */
export interface SnapshotHints {
  /** The snapshot that this process read or wrote last. */
  latest?: InFlightSnapshot | undefined
  /** When this process read or wrote it. */
  readAt?: number
  /** When this process loaded the snapshot or early releases last; absent before its first poll. */
  loadedAt?: number
  /** When this process last considered publishing a snapshot. */
  consideredAt?: number
}

const MAX_KEY_RANGES = 20
/** A snapshot does not hide younger keys: a publisher whose clock is behind may still write there. */
const MIN_AGE_MS = 2_000
/** A key range that ends sooner is not worth publishing. */
const MIN_REMAINING_MS = 1_000

/** The key ranges to publish, joined where they are neighbours, so that few are left. */
export const publishable = (keyRanges: readonly KeyRange[], priority: number, now: number): KeyRange[] => {
  const youngest = sortFrom(priority, now - MIN_AGE_MS)
  const lasting = keyRanges.filter(({ end, until }) => end <= youngest && until > now + MIN_REMAINING_MS)
  const headers = lasting.reduce((sum, range) => sum + range.headers, 0)
  const maxHeaders = Math.ceil(headers / MAX_KEY_RANGES) + MAX_RANGE_HEADERS
  const found: KeyRange[] = []
  for (const range of lasting) {
    const last = found.at(-1)
    if (last?.end === range.from && last.headers + range.headers <= maxHeaders)
      found[found.length - 1] = joined(last, range)
    else found.push(range)
  }
  return found.slice(0, MAX_KEY_RANGES)
}

const joined = (first: KeyRange, second: KeyRange): KeyRange => ({
  from: first.from,
  end: second.end,
  until: Math.min(first.until, second.until),
  headers: first.headers + second.headers,
})

/** Whether a poller that knows this snapshot skips a key at an instant. */
export const skipsKey = ({ keyRanges }: InFlightSnapshot, sort: string, at: number): boolean =>
  keyRanges.some(({ from, end, until }) => from <= sort && sort < end && at < until)

/**
 * A snapshot as it is stored:
 *
 *     a  when it was written, epoch ms
 *     s  base64url of the key ranges. Each has
 *        flags    1 byte: `HAS_FROM`; `FROM_BEHIND` where `from` is right behind a key; `END_BEHIND` where `end` is
 *        from    13 bytes, absent where it equals the end of the range before
 *        end     13 bytes
 *        until    6 bytes, epoch ms, all ones for never
 *        headers  2 bytes
 */
const HAS_FROM = 1
const FROM_BEHIND = 2
const END_BEHIND = 4
const KEY_BYTES = 13
const KEY_DIGITS = 2 * KEY_BYTES
const NEVER = 2 ** 48 - 1

export const encodeSnapshot = ({ writtenAt, keyRanges }: InFlightSnapshot): JsonValue => {
  const parts = keyRanges.map(({ from, end, until, headers }, position) => {
    const apart = keyRanges[position - 1]?.end !== from
    const tail = Buffer.alloc(8)
    tail.writeUIntBE(Math.min(until, NEVER), 0, 6)
    tail.writeUInt16BE(Math.min(headers, 0xffff), 6)
    const flags = (apart ? HAS_FROM : 0) | (isBehind(from) ? FROM_BEHIND : 0) | (isBehind(end) ? END_BEHIND : 0)
    return Buffer.concat([Buffer.of(flags), ...(apart ? [keyBytes(from)] : []), keyBytes(end), tail])
  })
  return { a: writtenAt, s: Buffer.concat(parts).toString('base64url') }
}

const isBehind = (place: string): boolean => sortRightBehind(place.slice(0, KEY_DIGITS + 1)) === place
/** A place that is shorter than a key sorts before every key that begins with it, so zeros complete it. */
const keyBytes = (place: string): Buffer => Buffer.from(place.slice(1, KEY_DIGITS + 1).padEnd(KEY_DIGITS, '0'), 'hex')

export const decodeSnapshot = (value: JsonValue, priority: number): InFlightSnapshot => {
  const { a, s } = value as { a: number; s: string }
  const bytes = Buffer.from(s, 'base64url')
  const keyRanges: KeyRange[] = []
  let at = 0
  const place = (behind: number): string => {
    const key = `${9 - priority}${bytes.toString('hex', at, at + KEY_BYTES)}`
    at += KEY_BYTES
    return behind ? sortRightBehind(key) : key
  }
  while (at < bytes.length) {
    const flags = bytes.readUInt8(at++)
    const from = flags & HAS_FROM ? place(flags & FROM_BEHIND) : (keyRanges.at(-1)?.end ?? '')
    const end = place(flags & END_BEHIND)
    const until = bytes.readUIntBE(at, 6)
    const headers = bytes.readUInt16BE(at + 6)
    at += 8
    keyRanges.push({ from, end, until: until === NEVER ? Number.POSITIVE_INFINITY : until, headers })
  }
  return { writtenAt: a, keyRanges }
}
