import { describe, expect, test } from 'vitest'
import { GROUP_CAST, simulateGroups } from './fifo-simulate.ts'
import type { GroupWorldSettings } from './fifo-world.ts'
import { NO_FAULTS, SOME_FAULTS } from './world.ts'

const WORLDS: Record<string, Omit<GroupWorldSettings, 'seed'>> = {
  'nothing fails': { faults: NO_FAULTS },
  'the clocks of publishers differ': { faults: NO_FAULTS, publishersOffByMs: 1_500 },
  'the clocks of publishers differ by minutes': { faults: SOME_FAULTS, publishersOffByMs: 120_000 },
  'requests fail and processes crash': { faults: SOME_FAULTS, publishersOffByMs: 500 },
  'processes crash all the time': { faults: { ...SOME_FAULTS, crashed: 0.02 } },
  'tickets are read out of date': { faults: { ...NO_FAULTS, stale: 0.8 }, publishersOffByMs: 300 },
  // Far longer than the simulation: a group that stays locked for a delay of before would be found out.
  'the delay changes': { faults: SOME_FAULTS, publishersOffByMs: 500, delaySeconds: [0, 0, 1, 600] },
  'messages are dead-lettered': {
    faults: SOME_FAULTS,
    publishersOffByMs: 1_000,
    settings: { deadLetter: { queue: 'orders-dead.fifo', maxReceives: 2 } },
  },
}
/** `HOLDFAST_SIMULATIONS=1000 npm test -- test/simulation/fifo` looks further. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_SIMULATIONS ?? 15) }, (_, n) => n + 1)

describe('with several publishers and consumers of message groups at once', () => {
  describe.each(Object.entries(WORLDS))('while %s', (_, settings) => {
    test.each(SEEDS)('order, exclusiveness and deduplication hold, and nothing is lost (seed %i)', async (seed) => {
      expect(await simulateGroups({ ...settings, seed }, GROUP_CAST)).toEqual([])
    })
  })

  test.each(SEEDS)('no group waits for the end of a lease that was acked or given back (seed %i)', async (seed) => {
    const settings = { seed, faults: NO_FAULTS, leaseSeconds: [600, 600], diligent: true } as const
    // Far shorter than the leases: whatever said busy until one of them ends would be found out.
    expect(await simulateGroups(settings, { ...GROUP_CAST, cancellers: 0, drainMs: 20_000 })).toEqual([])
  })
})
