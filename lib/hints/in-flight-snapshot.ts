import type { JsonValue } from '../model/message.ts'
import { sortFrom, sortRightBehind } from '../model/segment-key.ts'
import { type KeyRange, MAX_RANGE_HEADERS } from './scan-cache/key-range.ts'

/**
 * What the pollers of a queue tell each other about the front of one priority of one shard: key ranges of it where
 * everything is leased, backingOff or gone, so that a process that polls for the first time need not read them all.
 *
 * Small enough for one write unit: neighbouring key ranges are told as one, to be looked at again when the first of
 * them ends. A hint only, like all that pollers remember: what it hides is still in its place.
 */
export interface InFlightSnapshot {
  /** Epoch ms. */
  readonly writtenAt: number
  /** In order; each begins where the one before ends, or further on. */
  readonly keyRanges: readonly KeyRange[]
}

/** What a process knows of the hint of one priority of one shard. */
export interface SnapshotHints {
  /** The hint as it was last seen or written. */
  hint?: InFlightSnapshot | undefined
  /** When that was, epoch ms. */
  hintAt?: number
  /** When a poll last learned of what others did; never before the first poll. */
  loadedAt?: number
  /** When telling others was last considered. */
  publishedAt?: number
}

const MAX_KEY_RANGES = 20
/** What younger keys hide may be a publish that is still on its way, by a clock that is behind. */
const YOUNGEST_MS = 2_000
/** What ends sooner is not worth telling. */
const SHORTEST_MS = 1_000

/** What is worth telling others of a priority's key ranges. */
export const publishable = (row: readonly KeyRange[], priority: number, now: number): KeyRange[] => {
  const youngest = sortFrom(priority, now - YOUNGEST_MS)
  const worth = row.filter(({ end, until }) => end <= youngest && until > now + SHORTEST_MS)
  const total = worth.reduce((sum, { headers }) => sum + headers, 0)
  const most = Math.ceil(total / MAX_KEY_RANGES) + MAX_RANGE_HEADERS
  const told: KeyRange[] = []
  for (const keyRange of worth) {
    const last = told.at(-1)
    const together = last && last.end === keyRange.from && last.headers + keyRange.headers <= most
    if (together) told[told.length - 1] = joined(last, keyRange)
    else told.push(keyRange)
  }
  return told.slice(0, MAX_KEY_RANGES)
}

const joined = (first: KeyRange, second: KeyRange): KeyRange => ({
  from: first.from,
  end: second.end,
  until: Math.min(first.until, second.until),
  headers: first.headers + second.headers,
})

/** Whether others may pass over a key at an instant because of a hint. */
export const hides = ({ keyRanges }: InFlightSnapshot, sort: string, at: number): boolean =>
  keyRanges.some(({ from, end, until }) => from <= sort && sort < end && at < until)

/**
 *     a  when it was written, epoch ms
 *     s  base64url of the key ranges, each: flags 1 (1 has a from, 2 from is right behind its key, 4 so is end)
 *        · from 13, absent where the one before ends · end 13 · until 6, all ones for never · headers 2
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
/** Places shorter than a key stand before every key that begins with them. */
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
