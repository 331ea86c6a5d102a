import { describe, expect, test } from 'vitest'
import type { CachedRange } from '../../../../lib/hints/scan-cache/cached-ranges.ts'
import { rangeBehind, rangesBefore, rangesToCheck, tailIndex } from '../../../../lib/hints/scan-cache/read-plan.ts'

const NOW = 10_000

interface Given {
  readonly headers?: number
  readonly until?: number
  readonly checkAt?: number
  readonly checkEveryMs?: number
}

/** Ranges `a`–`b`, `b`–`c` and so on, not due and with nothing to receive, except as given. */
const listOf = (...given: readonly Given[]): CachedRange[] =>
  given.map((one, at) => ({
    from: String.fromCharCode(97 + at),
    end: String.fromCharCode(98 + at),
    headers: 20,
    until: NOW + 60_000,
    checkAt: NOW + 1_000,
    checkEveryMs: 1_000,
    ...one,
  }))

const NO_RUN = { from: 0, to: 0 }

describe('the run of ranges to check', () => {
  test('is empty where no range is due', () => {
    expect(rangesToCheck(listOf({}, {}), NOW)).toEqual(NO_RUN)
  })

  test('starts at the range that is most overdue in units of its own interval', () => {
    const list = listOf({ checkAt: NOW - 900 }, {}, { checkAt: NOW - 100, checkEveryMs: 50 })
    expect(rangesToCheck(list, NOW)).toEqual({ from: 2, to: 3 })
  })

  test('goes on over neighbours that are due, and ends at one that is not', () => {
    const list = listOf({ checkAt: NOW - 900 }, { checkAt: NOW }, {}, { checkAt: NOW })
    expect(rangesToCheck(list, NOW)).toEqual({ from: 0, to: 2 })
  })

  test('leaves out a range with a message to receive, which is read anyway', () => {
    expect(rangesToCheck(listOf({ checkAt: NOW - 900, until: NOW }), NOW)).toEqual(NO_RUN)
  })
})

describe('the tail that the Query behind the list reads along', () => {
  test('has the last ranges that are due, of up to 12 headers together', () => {
    const due = { checkAt: NOW, headers: 6 }
    expect(tailIndex(listOf(due, due, due), NOW)).toBe(1)
  })

  test('is empty where the last range is not due', () => {
    expect(tailIndex(listOf({ headers: 1 }), NOW)).toBe(1)
  })
})

describe('the ranges that a poll reads', () => {
  test('are the gaps, the ranges with a message to receive, and those to check', () => {
    const [a, , c, d] = listOf({}, {}, { until: NOW }, { checkAt: NOW }) as [
      CachedRange,
      CachedRange,
      CachedRange,
      CachedRange,
    ]
    const { ranges, from } = rangesBefore([a, c, d], 3, { first: 'A', run: { from: 2, to: 3 }, now: NOW })
    expect(ranges).toEqual([
      { from: 'A', to: 'a', edge: 'a', headers: 0, check: false },
      { from: 'b', to: 'd', edge: 'd', headers: 20, check: false },
      { from: 'd', to: 'e', edge: 'e', headers: 20, check: true },
    ])
    expect(from).toBe('e')
  })

  test('are none where everything before the tail is covered', () => {
    expect(rangesBefore(listOf({}, {}), 2, { first: 'a', run: NO_RUN, now: NOW })).toEqual({ ranges: [], from: 'c' })
  })

  test('end with the range behind the list, which has the headers of the tail', () => {
    const list = listOf({ headers: 7 }, { headers: 5 })
    expect(rangeBehind(list, 1, { from: 'b', last: 'z', end: 'c' })).toEqual({
      from: 'b',
      to: 'z',
      edge: 'c',
      headers: 5,
      check: false,
    })
  })
})
