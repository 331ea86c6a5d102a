import { describe, expect, test } from 'vitest'
import { runHistory } from './run-history.ts'
import { WORLDS } from './worlds.ts'

/** Fixed here; `npm run test:more` and `npm run simulate` take others. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_SIMULATIONS ?? 5) }, (_, n) => n + 1)

/** All worlds, or those whose names hold this. */
const CHOSEN = Object.entries(WORLDS).filter(([name]) => name.includes(process.env.HOLDFAST_WORLDS ?? ''))

/** Fewer would prove nothing. */
const MIN_RECEIVES = 25

describe('with several publishers, consumers and operators at once', () => {
  describe.each(CHOSEN)('%s', (_, settings) => {
    test.each(SEEDS)('every promise is kept (seed %i)', async (seed) => {
      const { violations, received } = await runHistory(settings, { seed })
      expect(violations).toEqual([])
      expect(received).toBeGreaterThanOrEqual(MIN_RECEIVES)
    })
  })
})
