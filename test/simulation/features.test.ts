import { expect, test } from 'vitest'
import { FEATURES, pairsMet, pairsOf } from './features.ts'
import { runHistory } from './run-history.ts'
import { WORLDS } from './worlds.ts'

test('a history counts the features that had an effect, each two of them, and each with each fault', async () => {
  const { coverage } = await runHistory(WORLDS['standard: there are shards and priorities'], { seed: 1 })
  expect(coverage.features).toEqual({ 'standard queue': 1, priorities: 1, delays: 1, cancels: 1, reschedules: 1 })
  expect(coverage.together).toMatchObject({ 'standard queue + priorities': 1, 'priorities + stale read': 1 })
  expect(coverage.together).not.toHaveProperty('priorities + FIFO queue')
})

test('a simulation names the pairs of features that it never had together', () => {
  const together = Object.fromEntries(pairsOf(['purge', 'workers'], []).map((one) => [one, 1]))
  const { met, of, never } = pairsMet(together)
  expect([met, never.length]).toEqual([1, of - 1])
  expect(never).toContain('purge + deletion')
  expect(never).not.toContain('purge + workers')
})

test('no pair of features is named that one queue cannot have', () => {
  const { never } = pairsMet({})
  expect(never).not.toContain('standard queue + FIFO queue')
  expect(never).not.toContain('FIFO queue + priorities')
  expect(never.length).toBeLessThan((FEATURES.length * (FEATURES.length - 1)) / 2)
})
