import { describe, expect, test } from 'vitest'
import { runHistory } from './run-history.ts'
import { WHOLE } from './whole.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

/** Fixed here; `npm run test:more` and `npm run simulate` take others. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_SIMULATIONS ?? 3) }, (_, n) => n + 1)

/** All worlds, or those whose names hold this. */
const isChosen = ([name]: readonly [string, unknown]) => name.includes(process.env.HOLDFAST_WORLDS ?? '')
const CHOSEN = Object.entries(WORLDS).filter(isChosen)
/** Whole worlds differ by seed: all messages may be purged, or stay in groups with a limit. */
const CHOSEN_WHOLE = Object.entries(WHOLE).filter(isChosen)
const FEW_SEEDS = SEEDS.slice(0, Math.max(1, Math.ceil(SEEDS.length / 2)))

/** Fewer receives would prove nothing. Worlds that publish few messages on purpose need only one. */
const minReceives = ({ trigger, spans }: WorldSettings): number => (trigger && (spans?.workMs ?? 0) < 60_000 ? 1 : 25)

describe.runIf(CHOSEN.length > 0)('with several publishers, consumers and operators at once', () => {
  describe.each(CHOSEN)('%s', (_, settings) => {
    test.each(SEEDS)('every promise is kept (seed %i)', async (seed) => {
      const { violations, received } = await runHistory(settings, { seed })
      expect(violations).toEqual([])
      expect(received).toBeGreaterThanOrEqual(minReceives(settings))
    })
  })
})

describe.runIf(CHOSEN_WHOLE.length > 0)('with everything at once', () => {
  describe.each(CHOSEN_WHOLE)('%s', (_, worldOf) => {
    test.each(FEW_SEEDS)('every promise is kept (seed %i)', async (seed) => {
      expect((await runHistory(worldOf(seed), { seed })).violations).toEqual([])
    })
  })
})
