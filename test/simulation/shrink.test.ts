import { describe, expect, test } from 'vitest'
import type { Store } from '../../lib/store/port.ts'
import { runHistory } from './run-history.ts'
import { shrink } from './shrink.ts'
import { newTable } from './table.ts'
import type { WorldOptions } from './world.ts'
import { WORLDS } from './worlds.ts'

const SETTINGS = WORLDS['standard: requests fail and processes are killed']

/** A table that makes claims without checking whether the segment has changed since it was read. */
const careless = (seed: number): WorldOptions => ({
  seed,
  storeOn: async (parts): Promise<Store> => {
    const store = newTable({ ...parts, behaviour: { ...parts.behaviour, staleReads: 0 } })
    return {
      ...store,
      claim: (claims) =>
        store.claim(
          claims.map(({ segment, change }) => ({
            segment,
            change: { ...change, requires: { kind: 'slots', slots: [] } },
          })),
        ),
    }
  },
})

describe('a history that breaks a promise', () => {
  test('is found, shrunk to a few actions without which it would not fail, and printed', async () => {
    const { violations } = await runHistory(SETTINGS, careless(1))
    expect(violations.length).toBeGreaterThan(0)
    const shrunk = await shrink(SETTINGS, careless(1))
    if (!shrunk) throw new Error('nothing was shrunk')
    expect(shrunk.violations.map(({ promise }) => promise)).toContain(violations[0]?.promise)
    expect(shrunk.of).toBeGreaterThan(100)
    // One actor publishes, and two receive.
    expect(shrunk.left.length).toBeGreaterThanOrEqual(2)
    expect(shrunk.left.length).toBeLessThanOrEqual(6)
    const story = shrunk.story.join('\n')
    expect(story).toMatch(/^ +\d+\.\d{3} s {2}publisher-\d +publishes publisher-\d\.\d+-0/m)
    expect(story).toMatch(/publisher-\d +is promised publisher-\d\.\d+-0 as [0-9a-f-]{36}$/m)
    expect(story).toMatch(/consumer-\d +receives publisher-\d\.\d+-\d from orders, receive 1/m)
    expect(shrunk.story.at(-1)).toMatch(/BROKEN/)
  })

  test('shrinks to the same history every time', async () => {
    const [first, second] = [await shrink(SETTINGS, careless(2)), await shrink(SETTINGS, careless(2))]
    expect(first?.left).toEqual(second?.left)
    expect(first?.story).toEqual(second?.story)
  })

  test('is left alone when it breaks none', async () => {
    expect(await shrink(SETTINGS, { seed: 1 })).toBeUndefined()
  })
})
