import type { CachedRange } from './cached-ranges.ts'

/** A range of keys that a poll must read. */
export interface Range {
  readonly from: string
  readonly to: string
  /** The scan can be cached up to this key, even if the last header lies before it. Behind it publishers may still write. */
  readonly edge: string
  /** The number of headers with nothing to receive that the range holds, as far as this process knows. */
  readonly headers: number
  /** Whether the read only checks that there is still nothing to receive. It reads at most `headers` headers, beside the next range. */
  readonly check: boolean
}

/** Skipping fewer headers than this saves nothing: a Query that reads their neighbours reads them at no extra cost. */
export const MIN_SKIPPED = 12

/** Ranges of the list from one index up to another. */
interface Run {
  readonly from: number
  readonly to: number
}
const NO_RUN: Run = { from: 0, to: 0 }

/**
 * The ranges to check now: the one that is late by the most of its own intervals, and those right behind it that are due. So when the
 * allowance does not pay for all checks, each is late by the same number of its intervals.
 */
export const rangesToCheck = (list: readonly CachedRange[], now: number): Run => {
  const from = mostOverdue(list, now)
  if (from === undefined) return NO_RUN
  let to = from + 1
  while (to < list.length && continuesRun(list, to, now)) to++
  return { from, to }
}

const mostOverdue = (list: readonly CachedRange[], now: number): number | undefined => {
  let found: number | undefined
  let most = -1
  for (const [index, { checkAt, checkEveryMs, until }] of list.entries()) {
    const overdue = (now - checkAt) / checkEveryMs
    if (overdue <= most || until <= now) continue
    most = overdue
    found = index
  }
  return most < 0 ? undefined : found
}

const continuesRun = (list: readonly CachedRange[], index: number, now: number): boolean => {
  const { from, checkAt, until } = list[index] as CachedRange
  return checkAt <= now && until > now && from === list[index - 1]?.end
}

/**
 * Index at which the tail of the list begins. The Query of what lies behind the list also reads the tail: ranges without a gap, each
 * of them over or due for a check, with so few headers that they cost nothing.
 */
export const tailIndex = (list: readonly CachedRange[], now: number): number => {
  let index = list.length
  let headers = 0
  while (index > 0) {
    const range = list[index - 1] as CachedRange
    headers += range.headers
    if (headers > MIN_SKIPPED || (range.checkAt > now && range.until > now)) break
    if (index < list.length && range.end !== list[index]?.from) break
    index--
  }
  return index
}

/** The range behind the list, together with the tail of the list. */
export const rangeBehind = (
  list: readonly CachedRange[],
  tail: number,
  { from, last, end }: { from: string; last: string; end: string },
): Range => ({ from, to: last, edge: end, headers: headersFrom(list, tail), check: false })

const headersFrom = (list: readonly CachedRange[], start: number): number => {
  let headers = 0
  for (let index = start; index < list.length; index++) headers += (list[index] as CachedRange).headers
  return headers
}

/**
 * The ranges to read before the tail of the list: gaps, ranges whose first message became visible, and for a check the ranges of `run`.
 * Also returned: the key at which the range behind them begins.
 */
export const rangesBefore = (
  list: readonly CachedRange[],
  tail: number,
  { first, run, now }: { first: string; run: Run; now: number },
): { ranges: Range[]; from: string } => {
  const ranges: Range[] = []
  let from = first
  for (let index = 0; index < tail; index++) {
    const range = list[index] as CachedRange
    if (range.from > from) add(ranges, { from, to: range.from, headers: 0, check: false })
    if (range.until <= now) add(ranges, { from: range.from, to: range.end, headers: range.headers, check: false })
    else if (index >= run.from && index < run.to)
      add(ranges, { from: range.from, to: range.end, headers: range.headers, check: true })
    from = range.end
  }
  return { ranges, from }
}

/** Adds a range, joined with the one before where the two touch and are of one kind. */
const add = (ranges: Range[], { from, to, headers, check }: Omit<Range, 'edge'>): void => {
  const before = ranges.at(-1)
  if (before?.to === from && before.check === check) {
    ranges[ranges.length - 1] = { ...before, to, edge: to, headers: before.headers + headers }
  } else ranges.push({ from, to, edge: to, headers, check })
}
