import { describe, expect, test } from 'vitest'
import { runHistory } from './run-history.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

/** Fixed here; `npm run test:more` and `npm run simulate` take others. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_SIMULATIONS ?? 5) }, (_, n) => n + 1)

/** All worlds, or those whose names hold this. */
const CHOSEN = Object.entries(WORLDS).filter(([name]) => name.includes(process.env.HOLDFAST_WORLDS ?? ''))

/** Fewer would prove nothing; where few messages are published on purpose, one that is lost is found out. */
const minReceives = ({ trigger, spans }: WorldSettings): number => (trigger && (spans?.workMs ?? 0) < 60_000 ? 1 : 25)

describe('with several publishers, consumers and operators at once', () => {
  describe.each(CHOSEN)('%s', (_, settings) => {
    test.each(SEEDS)('every promise is kept (seed %i)', async (seed) => {
      const { violations, received } = await runHistory(settings, { seed })
      expect(violations).toEqual([])
      expect(received).toBeGreaterThanOrEqual(minReceives(settings))
    })
  })
})
