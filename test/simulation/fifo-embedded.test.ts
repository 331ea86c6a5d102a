import { describe, expect, test } from 'vitest'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { embeddedTable, noEmbedded } from '../support/embedded.ts'
import { settled } from '../support/manual-clock.ts'
import { GROUP_CAST, simulateGroups } from './fifo-simulate.ts'
import type { GroupWorldSettings } from './fifo-world.ts'
import { SOME_FAULTS } from './world.ts'

const WORLDS: Record<string, Omit<GroupWorldSettings, 'seed'>> = {
  'requests fail and processes crash': { faults: SOME_FAULTS, publishersOffByMs: 1_500 },
  'messages are dead-lettered': {
    faults: SOME_FAULTS,
    settings: { deadLetter: { queue: 'orders-dead.fifo', maxReceives: 2 } },
  },
}
const CAST = { ...GROUP_CAST, publishers: 2, ms: 6_000 }
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_EMBEDDED_SIMULATIONS ?? 2) }, (_, n) => n + 1)

describe.skipIf(noEmbedded())('message groups on DynamoDB', () => {
  describe.each(Object.entries(WORLDS))('while %s', (_, settings) => {
    test.each(SEEDS)('order, exclusiveness and deduplication hold, and nothing is lost (seed %i)', async (seed) => {
      const { client, table, close } = await embeddedTable()
      const { counted, quiet } = inRealTime()
      const violations = await simulateGroups({ ...settings, seed }, CAST, {
        storeOn: (clock) => counted(dynamodbStore({ client, table, clock })),
        quiet,
      })
      close()
      expect(violations).toEqual([])
    })
  })
})

/** Simulated time stands still while the database is at work. */
const inRealTime = () => {
  const atWork = new Set<Promise<unknown>>()
  const work = <A extends unknown[], T>(request: (...args: A) => Promise<T>) => {
    return (...args: A): Promise<T> => {
      const done = request(...args).finally(() => atWork.delete(done))
      atWork.add(done)
      return done
    }
  }
  return {
    counted: (store: Store): Store =>
      Object.fromEntries(Object.entries(store).map(([name, request]) => [name, work(request)])) as unknown as Store,
    quiet: async () => {
      for (await settled(); atWork.size > 0; await settled())
        await Promise.race([...atWork].map((one) => one.catch(() => {})))
    },
  }
}
