import { expect, test } from 'vitest'
import { planHistory } from './plan.ts'
import { runHistory } from './run-history.ts'
import { WHOLE } from './whole.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

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

/** Pollers whose clocks jump date claims of one group in another order than that of the table. */
test.each([1, 2, 3, 5])('breaks no promise: a FIFO queue where clocks jump often (seed %i)', async (seed) => {
  const world = WORLDS['fifo: everything fails']
  const { violations, coverage } = await runHistory(
    { ...world, faults: { ...world.faults, 'clock jumps': 0.02 } },
    { seed },
  )
  expect(coverage.faults['clock jumps']).toBeGreaterThan(5)
  expect(violations).toEqual([])
})

test.each([
  [20_261_130, 2_618],
  [20_261_203, 6_179],
])(
  'breaks no promise: a message that expires, answered to its duplicate alone (seed %i, history %i)',
  async (...of) => {
    const { settings, seed } = planHistory(...of, 'whole')
    expect((await runHistory(settings, { seed })).violations).toEqual([])
  },
)

test.each([
  ['a poll', 20_261_203, 14_202],
  ['a trigger', 20_261_204, 52_702],
])(
  'breaks no promise: a segment of a publish without an answer, which %s finds as the drain ends',
  async (_, ...of) => {
    const { settings, seed } = planHistory(...of, 'whole')
    expect((await runHistory(settings, { seed })).violations).toEqual([])
  },
)

test('breaks no promise: a publish that is repeated under its key, in a queue that was created again in between', async () => {
  const { world, seed } = planHistory(424_242, 868, 'whole')
  const settings = WHOLE[world]?.(seed, 'small') as WorldSettings
  expect((await runHistory(settings, { seed })).violations).toEqual([])
})
