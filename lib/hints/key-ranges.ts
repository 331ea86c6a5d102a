import { sortRightBehind } from '../model/segment-key.ts'

/** Neighbouring headers with nothing to receive for a while. */
export interface KeyRange {
  readonly from: string
  /** Right behind its last key. */
  readonly end: string
  /** When the first of them becomes visible, epoch ms; Infinity when all of them are gone for good. */
  readonly until: number
  readonly headers: number
}

export interface CachedRange extends KeyRange {
  readonly checkAt: number
  /** How soon it wants to be checked. */
  readonly everyMs: number
}

/** A key range is no longer than this, so that reading one that ends costs little. */
export const MAX_RANGE_HEADERS = 64

/** The end of a key range whose last key is `to`; what is an end already stays as it is. */
export const endBehind = (to: string): string => (to.endsWith('!') ? to : sortRightBehind(to))

/** Stretches in order and without overlap, and how many headers they hold. */
export interface CachedRanges {
  readonly list: readonly CachedRange[]
  /** Index of the first key range that ends behind `sort`. */
  indexAt(sort: string): number
  /** Puts key ranges in the place of some. */
  replace(at: number, removed: number, ...added: readonly CachedRange[]): void
  /** Cuts `[from, end)` out; answers the index where something can take its place. */
  cut(from: string, end: string): number
  /** Joins a key range with the next one where they touch and the two are short; answers whether it did. */
  joinAt(at: number, now: number): boolean
  readonly headers: number
  /** Headers of the key ranges that end behind what was told to others. */
  readonly unpublished: number
  markPublished(end: string): void
}

export const cachedRanges = (): CachedRanges => {
  const list: CachedRange[] = []
  let total = 0
  let unpublished = 0
  let publishedTo = ''

  const account = ({ end, headers }: CachedRange, sign: 1 | -1): void => {
    total += sign * headers
    if (end > publishedTo) unpublished += sign * headers
  }

  /** Every change of the list goes through here, so that its counts are right. */
  const replace = (at: number, removed: number, ...added: readonly CachedRange[]): void => {
    for (const keyRange of list.splice(at, removed, ...added)) account(keyRange, -1)
    for (const keyRange of added) account(keyRange, 1)
  }

  const indexAt = (sort: string): number => {
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((list[middle] as CachedRange).end <= sort) low = middle + 1
      else high = middle
    }
    return low
  }

  const cut = (from: string, end: string): number => {
    const start = indexAt(from)
    let stop = start
    while (stop < list.length && (list[stop] as CachedRange).from < end) stop++
    const left = list[start]
    const right = list[stop - 1]
    if (stop === start || !left || !right) return start
    const sticksOut = left.from < from ? [{ ...left, end: from, headers: left.headers >> 1 }] : []
    const kept = right.end > end ? [{ ...right, from: end, headers: right.headers >> 1 }] : []
    replace(start, stop - start, ...sticksOut, ...kept)
    return start + sticksOut.length
  }

  const joinAt = (at: number, now: number): boolean => {
    const before = list[at]
    const after = list[at + 1]
    if (!before || !after || before.end !== after.from || before.headers + after.headers > MAX_RANGE_HEADERS)
      return false
    // Or what was told would count as unpublished again.
    if (before.end === publishedTo) return false
    // What is due stays apart, or a check of its first part would go over that part again and again.
    if (Math.min(before.until, after.until, before.checkAt, after.checkAt) <= now) return false
    replace(at, 2, {
      from: before.from,
      end: after.end,
      until: Math.min(before.until, after.until),
      checkAt: Math.min(before.checkAt, after.checkAt),
      headers: before.headers + after.headers,
      everyMs: Math.min(before.everyMs, after.everyMs),
    })
    return true
  }

  return {
    list,
    indexAt,
    replace,
    cut,
    joinAt,
    get headers() {
      return total
    },
    get unpublished() {
      return unpublished
    },
    markPublished: (end) => {
      publishedTo = end
      unpublished = list.reduce((sum, keyRange) => sum + (keyRange.end > end ? keyRange.headers : 0), 0)
    },
  }
}
