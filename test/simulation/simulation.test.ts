import { describe, expect, test } from 'vitest'
import { simulate } from './simulate.ts'
import { NO_FAULTS, SOME_FAULTS, type WorldSettings } from './world.ts'

const CAST = { publishers: 2, consumers: 4, operators: 1, ms: 15_000 }

const WORLDS: Record<string, Omit<WorldSettings, 'seed'>> = {
  'nothing fails': { faults: NO_FAULTS },
  'requests fail and processes crash': { faults: SOME_FAULTS },
  'clocks differ': { faults: SOME_FAULTS, clocksDifferMs: 300 },
  'there are shards and priorities': { faults: SOME_FAULTS, settings: { shards: 3, priorities: 2 } },
  'nothing fails and messages are dead-lettered': {
    settings: { deadLetter: { queue: 'orders-dead', maxReceives: 2 } },
  },
  'messages are dead-lettered': {
    faults: SOME_FAULTS,
    settings: { deadLetter: { queue: 'orders-dead', maxReceives: 3 } },
  },
}
/** `HOLDFAST_SIMULATIONS=1000 npm test -- test/simulation/simulation` looks further. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_SIMULATIONS ?? 20) }, (_, n) => n + 1)

describe('with several publishers, consumers and operators at once', () => {
  describe.each(Object.entries(WORLDS))('while %s', (_, settings) => {
    test.each(SEEDS)('every promise is kept (seed %i)', async (seed) => {
      expect(await simulate({ ...settings, seed }, CAST)).toEqual([])
    })
  })
})
