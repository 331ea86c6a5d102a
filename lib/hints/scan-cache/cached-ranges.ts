import { type KeyRange, MAX_RANGE_HEADERS } from './key-range.ts'

/** A key range, with when a poll checks whether it still has nothing to receive. */
export interface CachedRange extends KeyRange {
  /** Epoch ms. */
  readonly checkAt: number
  /** The time from one check to the next. */
  readonly checkEveryMs: number
}

/** Key ranges in order and without overlap. */
export class CachedRanges {
  readonly #list: CachedRange[] = []
  readonly #counts = headerCounts()

  get list(): readonly CachedRange[] {
    return this.#list
  }

  /** The number of headers in all ranges. */
  get headers(): number {
    return this.#counts.all
  }

  /** The number of headers in the ranges that end behind the last published snapshot. */
  get unpublished(): number {
    return this.#counts.unpublished
  }

  /** Index of the first range that ends behind `sort`. */
  indexAt(sort: string): number {
    return indexIn(this.#list, sort)
  }

  /** Replaces the range at an index. */
  replaceAt(at: number, range: CachedRange): void {
    this.#replace(at, 1, range)
  }

  /** Adds a range in the place of all that overlaps it. Returns its index. */
  put(range: CachedRange): number {
    const at = this.cut(range.from, range.end)
    this.#replace(at, 0, range)
    return at
  }

  /**
   * Removes what lies in `[from, end)`. What is left of a range on either side counts half of its headers. Returns the index at
   * which a range can be put in the place of the removed ones.
   */
  cut(from: string, end: string): number {
    const start = indexIn(this.#list, from)
    const stop = indexBehind(this.#list, start, end)
    const first = this.#list[start]
    const last = this.#list[stop - 1]
    if (stop === start || !first || !last) return start
    const before = first.from < from ? [{ ...first, end: from, headers: first.headers >> 1 }] : []
    const after = last.end > end ? [{ ...last, from: end, headers: last.headers >> 1 }] : []
    this.#replace(start, stop - start, ...before, ...after)
    return start + before.length
  }

  /** Joins a range with the next one where they touch and the two are short. Returns whether it did. */
  joinAt(at: number, now: number): boolean {
    const first = this.#list[at]
    const second = this.#list[at + 1]
    // The joined range would end behind the snapshot, so its published headers would count as unpublished again.
    if (!first || !second || first.end === this.#counts.publishedTo || !canJoin(first, second, now)) return false
    this.#replace(at, 2, joined(first, second))
    return true
  }

  /** Records that a snapshot was published that reaches to this end. */
  markPublished(end: string): void {
    this.#counts.markPublished(this.#list, end)
  }

  /** Every change of the list is made here, so that the counts stay right. */
  #replace(at: number, removed: number, ...added: readonly CachedRange[]): void {
    for (const range of this.#list.splice(at, removed, ...added)) this.#counts.add(range, -1)
    for (const range of added) this.#counts.add(range, 1)
  }
}

/** Headers of the ranges: all of them, and those that end behind the last published snapshot. */
const headerCounts = () => {
  const counts = { all: 0, unpublished: 0, publishedTo: '' }
  return {
    get all() {
      return counts.all
    },
    get unpublished() {
      return counts.unpublished
    },
    get publishedTo() {
      return counts.publishedTo
    },
    /** Counts a range that was added, or with -1 one that was removed. */
    add: ({ end, headers }: CachedRange, sign: 1 | -1): void => {
      counts.all += sign * headers
      if (end > counts.publishedTo) counts.unpublished += sign * headers
    },
    markPublished: (list: readonly CachedRange[], publishedTo: string): void => {
      counts.publishedTo = publishedTo
      counts.unpublished = list.reduce((sum, { end, headers }) => sum + (end > publishedTo ? headers : 0), 0)
    },
  }
}

/** Index of the first range that ends behind `sort`, by binary search. */
const indexIn = (list: readonly CachedRange[], sort: string): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] as CachedRange).end <= sort) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the first range from `start` on that begins at `end` or behind it. */
const indexBehind = (list: readonly CachedRange[], start: number, end: string): number => {
  let index = start
  while (index < list.length && (list[index] as CachedRange).from < end) index++
  return index
}

/** Whether two ranges touch and are short. A range that is due stays apart, or a check would read its neighbour too. */
const canJoin = (first: CachedRange, second: CachedRange, now: number): boolean =>
  first.end === second.from &&
  first.headers + second.headers <= MAX_RANGE_HEADERS &&
  Math.min(first.until, second.until, first.checkAt, second.checkAt) > now

const joined = (first: CachedRange, second: CachedRange): CachedRange => ({
  from: first.from,
  end: second.end,
  until: Math.min(first.until, second.until),
  headers: first.headers + second.headers,
  checkAt: Math.min(first.checkAt, second.checkAt),
  checkEveryMs: Math.min(first.checkEveryMs, second.checkEveryMs),
})
