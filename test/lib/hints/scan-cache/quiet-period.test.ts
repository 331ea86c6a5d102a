import { expect, test } from 'vitest'
import type { CachedRange } from '../../../../lib/hints/scan-cache/cached-ranges.ts'
import { quietPeriod } from '../../../../lib/hints/scan-cache/quiet-period.ts'

const range = (until: number, checkAt: number): CachedRange => ({
  from: 'a',
  end: 'b',
  until,
  headers: 1,
  checkAt,
  checkEveryMs: 50,
})

test('the quiet period lasts until the first message becomes visible, or until a check is due that can be paid for', () => {
  const quiet = quietPeriod()
  expect(quiet.includes(0, false)).toBe(false)
  quiet.renew([range(1_000, 300), range(900, 400)], false)
  expect([quiet.includes(299, true), quiet.includes(300, true)]).toEqual([true, false])
  expect([quiet.includes(899, false), quiet.includes(900, false)]).toEqual([true, false])
})

test('there is no quiet period with a gap between the ranges, nor after its end', () => {
  const quiet = quietPeriod()
  quiet.renew([range(1_000, 300)], true)
  expect(quiet.includes(0, true)).toBe(false)
  quiet.renew([range(1_000, 300)], false)
  quiet.add(range(500, 200), true)
  expect(quiet.includes(0, true)).toBe(false)
  quiet.renew([range(1_000, 300)], false)
  quiet.end()
  expect(quiet.includes(0, true)).toBe(false)
})

test('a range that is added without a gap may shorten the quiet period', () => {
  const quiet = quietPeriod()
  quiet.renew([range(1_000, 300)], false)
  quiet.add(range(500, 200), false)
  expect([quiet.includes(199, true), quiet.includes(200, true)]).toEqual([true, false])
  expect([quiet.includes(499, false), quiet.includes(500, false)]).toEqual([true, false])
})
