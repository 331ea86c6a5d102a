import { expect, test } from 'vitest'
import { steady } from '../../../bench/scale/steady.ts'

const run = (seed: number) =>
  steady({ shards: 2, batch: 10, workersPerShard: 40, part: 0.1, table: { partitions: 64 }, seconds: 2, seed })

test('a run of the scale model comes to the same figures when it is repeated, and to others with another seed', async () => {
  const first = await run(1)
  expect(await run(1)).toEqual(first)
  expect(await run(2)).not.toEqual(first)
})

test('two shards by ten take 1,000 write units a second each, at 0.3 a message', async () => {
  const { writeUnitsPerSecond, writeUnitsPerMessage, messagesPerSecond } = await run(1)
  expect(writeUnitsPerSecond).toBeGreaterThan(1_400)
  expect(writeUnitsPerSecond).toBeLessThan(2_100)
  expect(writeUnitsPerMessage).toBeCloseTo(0.3, 1)
  expect(messagesPerSecond).toBeGreaterThan(4_500)
})
