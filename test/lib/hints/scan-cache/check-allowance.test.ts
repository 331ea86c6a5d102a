import { expect, test } from 'vitest'
import { checkAllowance } from '../../../../lib/hints/scan-cache/check-allowance.ts'

test('the allowance for checks starts with 64 headers, and is spent by checks', () => {
  const allowance = checkAllowance()
  allowance.refill(0)
  expect(allowance.pay(40)).toBe(40)
  expect(allowance.isEnough).toBe(true)
  expect(allowance.pay(40)).toBe(24)
  expect(allowance.isEnough).toBe(false)
})

test('a check of few headers costs 14, as much as a Query does', () => {
  const allowance = checkAllowance()
  allowance.refill(0)
  expect([allowance.pay(1), allowance.pay(64)]).toEqual([14, 50])
})

test('the allowance grows by 3 headers a poll and 30 a second, up to 64', () => {
  const allowance = checkAllowance()
  allowance.refill(0)
  allowance.pay(64)
  for (const [now, isEnough] of [
    [0, false],
    [0, false],
    [0, false],
    [0, false],
    [67, true],
  ] as const) {
    allowance.refill(now)
    expect(allowance.isEnough).toBe(isEnough)
  }
  allowance.refill(60_000)
  expect(allowance.pay(1_000)).toBe(64)
})
