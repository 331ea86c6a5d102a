import { expect, test } from 'vitest'
import { throttledShards } from '../../../lib/hints/throttled-shards.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

test('a shard counts as throttled for 125 to 375 ms', async () => {
  const clock = manualClock()
  const shards = throttledShards(clock, seededRandom(1))
  expect(shards.isThrottled('orders#a#0')).toBe(false)
  shards.observe('orders#a#0')
  await clock.advance(124)
  expect(shards.isThrottled('orders#a#0')).toBe(true)
  expect(shards.isThrottled('orders#a#1')).toBe(false)
  await clock.advance(251)
  expect(shards.isThrottled('orders#a#0')).toBe(false)
})
