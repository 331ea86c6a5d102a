import type { JsonValue } from '../model/message.ts'
import { sortFrom, sortRightBehind } from '../model/segment-key.ts'
import { type Skipped, STRETCH_HEADERS } from './key-ranges.ts'

/**
 * What the pollers of a queue tell each other about the front of one priority of one shard: stretches of it where
 * everything is leased, resting or gone, so that a process that polls for the first time need not read them all.
 *
 * Small enough for one write unit: neighbouring stretches are told as one, to be looked at again when the first of
 * them ends. A hint only, like all that pollers remember: what it hides is still in its place.
 */
export interface FrontHint {
  /** Epoch ms. */
  readonly writtenAt: number
  /** In order; each begins where the one before ends, or further on. */
  readonly stretches: readonly Skipped[]
}

/** What a process knows of the hint of one priority of one shard. */
export interface FrontMemory {
  /** The hint as it was last seen or written. */
  hint?: FrontHint | undefined
  /** When that was, epoch ms. */
  hintAt?: number
  /** When a poll last learned of what others did; never before the first poll. */
  heardAt?: number
  /** When telling others was last considered. */
  toldAt?: number
}

const MAX_STRETCHES = 20
/** What younger keys hide may be a publish that is still on its way, by a clock that is behind. */
const YOUNGEST_MS = 2_000
/** What ends sooner is not worth telling. */
const SHORTEST_MS = 1_000

/** What is worth telling others of a priority's stretches. */
export const tellable = (row: readonly Skipped[], priority: number, now: number): Skipped[] => {
  const youngest = sortFrom(priority, now - YOUNGEST_MS)
  const worth = row.filter(({ end, until }) => end <= youngest && until > now + SHORTEST_MS)
  const total = worth.reduce((sum, { headers }) => sum + headers, 0)
  const most = Math.ceil(total / MAX_STRETCHES) + STRETCH_HEADERS
  const told: Skipped[] = []
  for (const stretch of worth) {
    const last = told.at(-1)
    const together = last && last.end === stretch.from && last.headers + stretch.headers <= most
    if (together) told[told.length - 1] = joined(last, stretch)
    else told.push(stretch)
  }
  return told.slice(0, MAX_STRETCHES)
}

const joined = (first: Skipped, second: Skipped): Skipped => ({
  from: first.from,
  end: second.end,
  until: Math.min(first.until, second.until),
  headers: first.headers + second.headers,
})

/** Whether others may pass over a key at an instant because of a hint. */
export const hides = ({ stretches }: FrontHint, sort: string, at: number): boolean =>
  stretches.some(({ from, end, until }) => from <= sort && sort < end && at < until)

/**
 *     a  when it was written, epoch ms
 *     s  base64url of the stretches, each: flags 1 (1 has a from, 2 from is right behind its key, 4 so is end)
 *        · from 13, absent where the one before ends · end 13 · until 6, all ones for never · headers 2
 */
const HAS_FROM = 1
const FROM_BEHIND = 2
const END_BEHIND = 4
const KEY_BYTES = 13
const KEY_DIGITS = 2 * KEY_BYTES
const NEVER = 2 ** 48 - 1

export const encodeHint = ({ writtenAt, stretches }: FrontHint): JsonValue => {
  const parts = stretches.map(({ from, end, until, headers }, position) => {
    const apart = stretches[position - 1]?.end !== from
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

export const decodeHint = (value: JsonValue, priority: number): FrontHint => {
  const { a, s } = value as { a: number; s: string }
  const bytes = Buffer.from(s, 'base64url')
  const stretches: Skipped[] = []
  let at = 0
  const place = (behind: number): string => {
    const key = `${9 - priority}${bytes.toString('hex', at, at + KEY_BYTES)}`
    at += KEY_BYTES
    return behind ? sortRightBehind(key) : key
  }
  while (at < bytes.length) {
    const flags = bytes.readUInt8(at++)
    const from = flags & HAS_FROM ? place(flags & FROM_BEHIND) : (stretches.at(-1)?.end ?? '')
    const end = place(flags & END_BEHIND)
    const until = bytes.readUIntBE(at, 6)
    const headers = bytes.readUInt16BE(at + 6)
    at += 8
    stretches.push({ from, end, until: until === NEVER ? Number.POSITIVE_INFINITY : until, headers })
  }
  return { writtenAt: a, stretches }
}
