import { describe, expect, test } from 'vitest'
import type { Range } from '../../../../lib/hints/scan-cache/read-plan.ts'
import { ScanCache } from '../../../../lib/hints/scan-cache/scan-cache.ts'
import { sortFrom, sortKey, sortUpTo } from '../../../../lib/model/segment-key.ts'
import { START } from '../../../support/manual-clock.ts'

const FIRST = sortFrom(0)
const LATER = 10 ** 12
/** A key due at `START` and so many ms. */
const key = (ms: number) => sortKey({ priority: 0, dueAt: START + ms, unique: '0'.repeat(14) })
const OLD = START + 3_600_000

const rangesAt = (cache: ScanCache, now: number): Range[] => cache.ranges(FIRST, sortUpTo(0, now), now)
const reads = (cache: ScanCache, sort: string, now: number): boolean =>
  rangesAt(cache, now).some(({ from, to }) => from <= sort && sort <= to)

/** Learns headers `first` through `last`, one a ms, in key ranges of `size`. */
const learnRow = (cache: ScanCache, last: number, size: number, now: number, until = LATER * 2) => {
  let from = FIRST
  for (let at = size - 1; at <= last; at += size) {
    cache.record({ from, to: key(at), until, headers: size, now })
    from = `${key(at)}!`
  }
}

/** Reads as a poll would, finding what was learned unchanged; answers the keys of the headers read. */
const pollOnce = (cache: ScanCache, headers: readonly string[], now: number): string[] => {
  const checked: string[] = []
  for (const range of rangesAt(cache, now)) {
    const inside = headers.filter((sort) => sort >= range.from && sort <= range.to)
    const read = range.check ? inside.slice(0, range.headers) : inside
    if (read.length === 0) continue
    const to = read.length < inside.length ? (read.at(-1) as string) : range.edge
    cache.record({ from: range.from, to, until: LATER * 2, headers: read.length, now })
    checked.push(...read)
  }
  return checked
}

describe('what has nothing to receive', () => {
  test('is passed over until the first of its messages becomes visible', () => {
    const cache = new ScanCache()
    cache.record({ from: FIRST, to: key(500), until: OLD + 1_000, headers: 40, now: OLD })
    expect(reads(cache, key(100), OLD + 999)).toBe(false)
    expect(reads(cache, key(501), OLD + 999)).toBe(true)
    expect(reads(cache, key(100), OLD + 1_000)).toBe(true)
  })

  test('leaves one range to read, however many keyRanges it is', () => {
    const cache = new ScanCache()
    learnRow(cache, 6_399, 64, OLD)
    expect(cache.size).toBe(100)
    expect(rangesAt(cache, OLD + 1)).toEqual([
      { from: `${key(6_399)}!`, to: sortUpTo(0, OLD + 1), edge: `${key(6_399)}!`, headers: 0, check: false },
    ])
  })

  test('grows together where little is left of it', () => {
    const cache = new ScanCache()
    for (let at = 0; at < 1_000; at++) {
      cache.record({ from: at === 0 ? FIRST : `${key(at - 1)}!`, to: key(at), until: LATER * 2, headers: 0, now: OLD })
    }
    expect(cache.size).toBe(1)
  })
})

describe('a release', () => {
  test('is read at the next poll, and nothing else of its keyRange', () => {
    const cache = new ScanCache()
    learnRow(cache, 639, 64, OLD)
    cache.release(key(300))
    const ranges = rangesAt(cache, OLD + 1)
    expect(ranges[0]).toMatchObject({ from: key(300), to: `${key(300)}!`, headers: 1, check: false })
    expect(ranges).toHaveLength(2)
  })

  test('that comes while its keyRange is being read is not hidden by what the read found', () => {
    const cache = new ScanCache()
    const { releases } = cache
    cache.release(key(300))
    cache.record({ from: FIRST, to: key(600), until: LATER * 2, headers: 60, now: OLD, releases })
    expect(reads(cache, key(300), OLD + 1)).toBe(true)
    expect(reads(cache, key(299), OLD + 1)).toBe(false)
  })
})

describe('what others may have changed', () => {
  const headers = Array.from({ length: 2_000 }, (_, at) => key(at))

  test('is checked in turn, all of it, within polls in proportion to its headers', () => {
    const cache = new ScanCache()
    learnRow(cache, 1_999, 50, OLD)
    const checked = new Set<string>()
    for (let poll = 0; poll < 800; poll++) {
      for (const sort of pollOnce(cache, headers, OLD + 3_000 + poll * 10)) checked.add(sort)
    }
    expect(checked.size).toBe(headers.length)
  })

  test('costs each poll a few headers', () => {
    const cache = new ScanCache()
    learnRow(cache, 1_999, 50, OLD)
    let checked = 0
    for (let poll = 0; poll < 500; poll++) checked += pollOnce(cache, headers, OLD + 3_000 + poll).length
    expect(checked / 500).toBeLessThan(4)
  })

  test('is looked at again soon where it is young, and ever more rarely', () => {
    const cache = new ScanCache()
    const now = START + 20
    cache.record({ from: FIRST, to: key(10), until: LATER * 2, headers: 1, now })
    const late = key(5)
    expect(reads(cache, late, now + 49)).toBe(false)
    expect(reads(cache, late, now + 50)).toBe(true)
    cache.record({ from: FIRST, to: key(10), until: LATER * 2, headers: 1, now: START + 1_010 })
    expect(reads(cache, late, START + 2_009)).toBe(false)
    expect(reads(cache, late, START + 2_010)).toBe(true)
  })
})

test('what was forgotten is read again, and only that', () => {
  const cache = new ScanCache()
  learnRow(cache, 639, 64, OLD)
  cache.forget(key(100), key(100))
  expect(reads(cache, key(100), OLD + 1)).toBe(true)
  expect(reads(cache, key(99), OLD + 1)).toBe(false)
  expect(reads(cache, key(102), OLD + 1)).toBe(false)
})

test('the scan cache returns the instant at which its first key range ends', () => {
  const cache = new ScanCache()
  expect(cache.endsAt()).toBe(Number.POSITIVE_INFINITY)
  cache.record({ from: FIRST, to: key(10), until: OLD + 500, headers: 64, now: OLD })
  cache.record({ from: `${key(10)}!`, to: key(20), until: OLD + 400, headers: 64, now: OLD })
  expect(cache.endsAt()).toBe(OLD + 400)
})
