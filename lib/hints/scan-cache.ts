import { dueAtOf } from '../model/segment-key.ts'
import { type CachedRange, cachedRanges, endBehind, type KeyRange } from './key-ranges.ts'

/**
 * What a poller remembers of the headers of a partition that it need not read again for now: leased, backingOff, expired
 * or gone. Without it, a Query pays for each of them at every poll.
 *
 * The memory is a row of key ranges, ordered and without overlap. A key range is passed over until the first of its
 * messages becomes visible. Others can change what lies in it before (a nack in another process, a publisher whose
 * write arrives after younger ones), so a key range is also checked each time its age has doubled, that a late arrival may
 * wait about as long as it was late, and every few seconds when it is old.
 *
 * Checks are paid from an allowance that each poll adds a little to, so that a poll costs about the same however much
 * is in flight. They are free at the end of the row, where the Query of what lies behind reads a few headers along.
 *
 * A hint only: what it hides is still in its place, and is found when the key range ends.
 */
export interface ScanCache {
  /** The ranges a poll must read, in order; the last is the unbounded rest behind everything remembered. */
  ranges(first: string, last: string, now: number): Range[]
  /** Forgets what was known from `from` through `to`: it has been read again. */
  forget(from: string, to: string): void
  /** Remembers that some headers, one behind the other, have nothing to receive for a while. */
  record(keyRange: ScannedHeaders): void
  /** Something becomes visible sooner than was known: at once, or from `visibleAt` on, epoch ms. */
  release(sort: string, visibleAt?: number): void
  /** A header is no longer there. */
  gone(sort: string): void
  /** How often `release` was called. */
  readonly releases: number
  /** When the first key range runs out, epoch ms. */
  endsAt(): number
  readonly size: number
  /** What is remembered, in order. */
  readonly keyRanges: readonly KeyRange[]
  /** Headers remembered that are still there, as far as this process knows. */
  readonly headers: number
  /** Those of them behind what was told to others last. */
  readonly unpublished: number
  /** Others were told of all that ends here or before. */
  markPublished(end: string): void
  /** Remembers what another process told. */
  addSnapshot(keyRanges: readonly KeyRange[], now: number): void
}

export interface ScannedHeaders {
  readonly from: string
  readonly to: string
  /** When the first of them becomes visible, epoch ms. */
  readonly until: number
  readonly headers: number
  readonly now: number
  /** `releases` before the headers were read: what was released since stays to be read again. */
  readonly releases?: number
}

export interface Range {
  readonly from: string
  readonly to: string
  /** Through here the range can be remembered even if no header ends it; what lies behind is still to be written. */
  readonly edge: string
  /** Headers with nothing to receive that should be in it, as far as known. */
  readonly headers: number
  /** Nothing to receive is expected: to be read beside the range that follows, `headers` of them at most. */
  readonly check: boolean
}

/** A key of which something became visible. */
interface Released {
  readonly sort: string
  /** `releases` then. */
  readonly count: number
  readonly visibleAt: number
  /** When it was first looked for, epoch ms. */
  at?: number
}

/** Fewer headers than this are read along in the same read unit anyway. */
export const MIN_SKIPPED = 12
/** A key range is checked when its age has doubled, within these bounds. */
const MIN_INTERVAL_MS = 50
const MAX_INTERVAL_MS = 3_000
/** The allowance, in headers. */
const PER_POLL = 3
const PER_MS = 0.03
const MAX_ALLOWED = 64
/** A Query costs as much as this many headers at least. */
const MIN_CHECKED = 14
const RELEASES_KEPT = 64

export const scanCache = (): ScanCache => {
  const keyRanges = cachedRanges()
  const { list: row, indexAt, cut, replace } = keyRanges
  const released: Released[] = []
  let releases = 0
  let allowance = MAX_ALLOWED
  let polledAt = Number.POSITIVE_INFINITY
  /** Set while the row has no holes: until then nothing in it becomes visible. */
  let quietUntil = 0
  /** No check is due before. */
  let checkFrom = 0

  const uncover = (sort: string, until: number): void => {
    const keyRange = row[indexAt(sort)]
    if (!keyRange || keyRange.from > sort || keyRange.until <= until) return
    const alone = { from: sort, end: endBehind(sort), until, checkAt: until, everyMs: MIN_INTERVAL_MS, headers: 1 }
    replace(cut(sort, alone.end), 0, alone)
    quietUntil = 0
  }

  /**
   * Which key ranges to check now, from one index up to another, when some are due and can be paid for. Where not all
   * can be, each waits longer by the same factor.
   */
  const dueRun = (now: number): { from: number; to: number } | undefined => {
    if (allowance < MIN_CHECKED) return undefined
    let from = -1
    let most = -1
    for (let index = 0; index < row.length; index++) {
      const keyRange = row[index] as CachedRange
      const overdue = (now - keyRange.checkAt) / keyRange.everyMs
      if (overdue <= most || keyRange.until <= now) continue
      most = overdue
      from = index
    }
    if (most < 0) return undefined
    let to = from + 1
    for (; to < row.length; to++) {
      const next = row[to] as CachedRange
      if (next.checkAt > now || next.until <= now || next.from !== row[to - 1]?.end) break
    }
    return { from, to }
  }

  /** Index from which on the row is short enough, and due anyway, to be read along with what lies behind it. */
  const alongFrom = (now: number): number => {
    let index = row.length
    for (let headers = 0; index > 0; index--) {
      const keyRange = row[index - 1] as CachedRange
      headers += keyRange.headers
      if (headers > MIN_SKIPPED || (keyRange.checkAt > now && keyRange.until > now)) break
      if (index < row.length && keyRange.end !== row[index]?.from) break
    }
    return index
  }

  const headersFrom = (start: number): number => {
    let headers = 0
    for (let index = start; index < row.length; index++) headers += (row[index] as CachedRange).headers
    return headers
  }

  const earliest = (instantOf: (keyRange: CachedRange) => number): number => {
    let first = Number.POSITIVE_INFINITY
    for (const keyRange of row) first = Math.min(first, instantOf(keyRange))
    return first
  }

  return {
    ranges: (first, last, now) => {
      allowance = Math.min(MAX_ALLOWED, allowance + PER_POLL + Math.max(0, now - polledAt) * PER_MS)
      polledAt = now
      // The latest alone are without.
      for (let index = released.length - 1; index >= 0; index--) {
        const one = released[index] as Released
        if (one.at !== undefined) break
        one.at = now
      }
      const rowEnd = row.at(-1)?.end ?? first
      const along = alongFrom(now)
      // With nothing to be seen and no check to be paid for, the row need not be gone through.
      if (now < quietUntil && (now < checkFrom || allowance < MIN_CHECKED)) {
        return [{ from: row[along]?.from ?? rowEnd, to: last, edge: rowEnd, headers: headersFrom(along), check: false }]
      }
      const run = dueRun(now)
      const ranges: Range[] = []
      let from = first
      const add = (range: { from: string; to: string; headers: number; check: boolean }) => {
        const before = ranges.at(-1)
        const whole = before?.to === range.from && before.check === range.check ? before : undefined
        const headers = (whole?.headers ?? 0) + range.headers
        if (whole) ranges.pop()
        ranges.push({ from: whole?.from ?? range.from, to: range.to, edge: range.to, headers, check: range.check })
      }
      for (let index = 0; index < along; index++) {
        const keyRange = row[index] as CachedRange
        const { end: to, headers } = keyRange
        if (keyRange.from > from) add({ from, to: keyRange.from, headers: 0, check: false })
        from = to
        if (keyRange.until <= now) add({ from: keyRange.from, to, headers, check: false })
        else if (run && index >= run.from && index < run.to) add({ from: keyRange.from, to, headers, check: true })
      }
      quietUntil = ranges.some((range) => !range.check) ? 0 : earliest(({ until }) => until)
      checkFrom = earliest(({ checkAt }) => checkAt)
      const check = ranges.findIndex((range) => range.check)
      if (check >= 0) {
        const range = ranges[check] as Range
        const headers = Math.max(MIN_CHECKED, Math.min(range.headers, Math.floor(allowance)))
        allowance -= headers
        ranges[check] = { ...range, headers }
      }
      ranges.push({ from, to: last, edge: rowEnd, headers: headersFrom(along), check: false })
      return ranges
    },

    forget: (from, to) => {
      // What a poll leaves for the next lies behind the row as a rule: nothing was known of it.
      const end = row.at(-1)?.end
      if (end === undefined || end <= from) return
      cut(from, endBehind(to))
      quietUntil = 0
    },

    record: ({ from, to, until, headers, now, releases: before = releases }) => {
      const end = endBehind(to)
      // Its age counts from when its last key was due, or from when something of it was released.
      let bornAt = dueAtOf(to)
      const inside = released.filter(({ sort }) => sort >= from && sort < end)
      for (const { at } of inside) bornAt = Math.max(bornAt, at ?? now)
      const everyMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, now - bornAt))
      const checkAt = now + everyMs
      const at = cut(from, end)
      // Touching what is known on either side it leaves no hole.
      const touches = row[at - 1]?.end === from && (at === row.length || row[at]?.from === end)
      quietUntil = touches ? Math.min(quietUntil, until) : 0
      checkFrom = Math.min(checkFrom, checkAt)
      replace(at, 0, { from, end, until, checkAt, everyMs, headers })
      const joined = keyRanges.joinAt(at - 1, now)
      keyRanges.joinAt(joined ? at - 1 : at, now)
      for (const { sort, count, visibleAt } of inside) if (count > before) uncover(sort, visibleAt)
    },

    release: (sort, visibleAt = 0) => {
      releases++
      released.push({ sort, count: releases, visibleAt })
      if (released.length > RELEASES_KEPT) released.shift()
      uncover(sort, visibleAt)
    },

    gone: (sort) => {
      const at = indexAt(sort)
      const keyRange = row[at]
      if (!keyRange || keyRange.from > sort || keyRange.headers === 0) return
      replace(at, 1, { ...keyRange, headers: keyRange.headers - 1 })
    },

    get releases() {
      return releases
    },
    get size() {
      return row.length
    },
    endsAt: () => earliest(({ until }) => until),
    keyRanges: row,
    get headers() {
      return keyRanges.headers
    },
    get unpublished() {
      return keyRanges.unpublished
    },
    markPublished: keyRanges.markPublished,
    addSnapshot: (keyRanges, now) => {
      for (const { from, end, until, headers } of keyRanges) {
        const everyMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, now - dueAtOf(end)))
        replace(cut(from, end), 0, { from, end, until, headers, everyMs, checkAt: now + everyMs })
      }
      quietUntil = 0
    },
  }
}
