import { expect, test } from 'vitest'
import { type Race, raceForSlots } from './slot-races.ts'

const RACES = 3_000

const race = async (maxConcurrency: number): Promise<Race> => {
  const all = { invocations: 0, takenOver: 0, killed: 0, answersLost: 0, refused: 0, most: 0 }
  for (let seed = 1; seed <= RACES; seed++) {
    const one = await raceForSlots(seed, maxConcurrency)
    expect(one.most, `seed ${seed}`).toBeLessThanOrEqual(maxConcurrency)
    for (const what of Object.keys(all) as (keyof Race)[]) {
      all[what] = what === 'most' ? Math.max(all.most, one.most) : all[what] + one[what]
    }
  }
  return all as Race
}

test.each([1, 2])('runs that race for slots never have more than %i invocations under way', async (maxConcurrency) => {
  const all = await race(maxConcurrency)
  expect(all.most).toBe(maxConcurrency)
  for (const [what, count] of Object.entries(all)) {
    if (what !== 'most') expect(count, what).toBeGreaterThan(RACES / 10)
  }
})
