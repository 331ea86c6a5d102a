import { expect, test } from 'vitest'
import { planHistory } from './plan.ts'
import { runHistory } from './run-history.ts'

/** Histories of long runs that the promises once judged wrongly. */
test.each([
  ['the claim of a poller whose clock jumps back between its look and its claim', 597],
  ['the claim of a poller whose clock jumps back, in a message of many', 929],
  ['a message whose first write was sent twice and throttled the second time', 15],
  ['messages whose writes were sent twice while one shard is throttled', 178],
])('breaks no promise: %s', async (_, index) => {
  const { settings, seed } = planHistory(7_006, index, 'standard: everything fails')
  expect((await runHistory(settings, { seed })).violations).toEqual([])
})
