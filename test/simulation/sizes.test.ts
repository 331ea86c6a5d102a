import { expect, test } from 'vitest'
import { START } from '../support/manual-clock.ts'
import { runHistory } from './run-history.ts'
import { type Size, WHOLE } from './whole.ts'
import type { WorldSettings } from './world-settings.ts'

const played = async (settings: WorldSettings): Promise<{ requests: number; endedAt: number }> => {
  let now = () => 0
  const onTime = (clock: () => number) => {
    now = clock
  }
  const { operations, violations } = await runHistory(settings, { seed: 1, onTime })
  expect(violations).toEqual([])
  return { requests: operations, endedAt: now() - START }
}

const ONE_MESSAGE: WorldSettings = {
  kind: 'standard',
  cast: { publishers: 1, consumers: 2, operators: 0 },
  consumers: 'diligent',
  spans: { workMs: 60_000, publishMs: 1, largestPublish: 1 },
}

test('the cast stops once what was published is gone, where publishers publish for a while only', async () => {
  const brief = await played(ONE_MESSAGE)
  const whole = await played({ ...ONE_MESSAGE, spans: { ...ONE_MESSAGE.spans, workMs: 20_000, publishMs: 20_000 } })
  expect(brief.endedAt).toBeLessThan(15_000)
  expect(whole.endedAt).toBeGreaterThan(20_000)
  expect(brief.requests).toBeLessThan(whole.requests / 3)
})

test('a tiny history makes a few requests, and publishes a handful of messages', async () => {
  const [tiny = 0, small = 0] = await Promise.all(
    (['tiny', 'small'] as Size[]).map(async (size) => {
      let requests = 0
      for (const world of Object.values(WHOLE)) {
        for (let seed = 1; seed <= 3; seed++) requests += (await runHistory(world(seed, size), { seed })).operations
      }
      return requests
    }),
  )
  expect(tiny).toBeLessThan(small / 2)
})
