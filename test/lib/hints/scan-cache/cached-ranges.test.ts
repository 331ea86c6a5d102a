import { describe, expect, test } from 'vitest'
import { type CachedRange, CachedRanges } from '../../../../lib/hints/scan-cache/cached-ranges.ts'
import { MAX_RANGE_HEADERS } from '../../../../lib/hints/scan-cache/key-range.ts'
import fc from '../../../support/properties.ts'

/** A key of two digits, so that text and numbers have the same order. */
const key = (at: number): string => String(at).padStart(2, '0')

const range = (from: number, end: number, headers: number, more: Partial<CachedRange> = {}): CachedRange => ({
  from: key(from),
  end: key(end),
  until: 1_000,
  headers,
  checkAt: 500,
  checkEveryMs: 50,
  ...more,
})

const spans = (ranges: CachedRanges): [string, string, number][] =>
  ranges.list.map(({ from, end, headers }) => [from, end, headers])

describe('cached ranges', () => {
  test('are in order, and one that is put replaces what it overlaps', () => {
    const ranges = new CachedRanges()
    for (const one of [range(20, 30, 4), range(0, 10, 8), range(10, 20, 6)]) ranges.put(one)
    expect(spans(ranges)).toEqual([
      ['00', '10', 8],
      ['10', '20', 6],
      ['20', '30', 4],
    ])
    expect(ranges.put(range(5, 25, 9))).toBe(1)
    expect(spans(ranges)).toEqual([
      ['00', '05', 4],
      ['05', '25', 9],
      ['25', '30', 2],
    ])
    expect(ranges.headers).toBe(15)
  })

  test('lose what is cut out of them, on both sides of which a half of the headers stays', () => {
    const ranges = new CachedRanges()
    ranges.put(range(0, 30, 10))
    expect(ranges.cut(key(10), key(20))).toBe(1)
    expect(spans(ranges)).toEqual([
      ['00', '10', 5],
      ['20', '30', 5],
    ])
    expect(ranges.cut(key(12), key(18))).toBe(1)
    expect(ranges.headers).toBe(10)
  })

  test('join where they touch, are short and are not due, with the earlier instants of the two', () => {
    const ranges = new CachedRanges()
    ranges.put(range(0, 10, 3, { until: 900, checkAt: 700 }))
    ranges.put(range(10, 20, 4, { until: 800, checkAt: 600, checkEveryMs: 20 }))
    expect(ranges.joinAt(0, 100)).toBe(true)
    expect(ranges.list).toEqual([range(0, 20, 7, { until: 800, checkAt: 600, checkEveryMs: 20 })])
  })

  test.each<[string, CachedRange, number]>([
    ['with a gap between them', range(11, 20, 4), 100],
    ['of more headers than one range may have', range(10, 20, MAX_RANGE_HEADERS), 100],
    ['of which one is due for a check', range(10, 20, 4, { checkAt: 100 }), 100],
    ['of which one has a message to receive', range(10, 20, 4, { until: 100 }), 100],
  ])('do not join %s', (_, second, now) => {
    const ranges = new CachedRanges()
    ranges.put(range(0, 10, 3))
    ranges.put(second)
    expect(ranges.joinAt(0, now)).toBe(false)
    expect(ranges.list).toHaveLength(2)
  })

  test('do not join across the end of the last published snapshot, behind which their headers are unpublished', () => {
    const ranges = new CachedRanges()
    ranges.put(range(0, 10, 3))
    ranges.markPublished(key(10))
    ranges.put(range(10, 20, 4))
    expect([ranges.unpublished, ranges.joinAt(0, 100)]).toEqual([4, false])
    ranges.markPublished(key(20))
    expect([ranges.unpublished, ranges.joinAt(0, 100), ranges.headers]).toEqual([0, true, 7])
  })

  test('never overlap, and count the headers that they list, after any puts and cuts', () => {
    const step = fc.record({
      from: fc.integer({ min: 0, max: 80 }),
      length: fc.integer({ min: 1, max: 19 }),
      headers: fc.integer({ min: 0, max: MAX_RANGE_HEADERS }),
      kind: fc.constantFrom('put', 'cut', 'join', 'publish'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const ranges = new CachedRanges()
        let published = ''
        for (const { from, length, headers, kind } of steps) {
          if (kind === 'put') ranges.put(range(from, from + length, headers))
          else if (kind === 'cut') ranges.cut(key(from), key(from + length))
          else if (kind === 'join') ranges.joinAt(from % Math.max(1, ranges.list.length), 0)
          else {
            published = key(from)
            ranges.markPublished(published)
          }
          for (const [at, { from: start, end }] of ranges.list.entries()) {
            expect(start < end && start >= (ranges.list[at - 1]?.end ?? '')).toBe(true)
          }
          const count = (list: readonly CachedRange[]) => list.reduce((sum, one) => sum + one.headers, 0)
          expect(ranges.headers).toBe(count(ranges.list))
          expect(ranges.unpublished).toBe(count(ranges.list.filter(({ end }) => end > published)))
        }
      }),
    )
  })
})
