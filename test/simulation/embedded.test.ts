import { describe, expect, test } from 'vitest'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { embeddedTable, noEmbedded } from '../support/embedded.ts'
import { inRealTime } from './in-real-time.ts'
import { runHistory } from './run-history.ts'
import { departing } from './table.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

const onDynamodb = (settings: WorldSettings): WorldSettings => ({
  ...settings,
  cast: { ...settings.cast, publishers: 2 },
  // No replica, which can follow only a store in memory.
  table: { tornReads: 0.3 },
  spans: { ...settings.spans, workMs: 6_000 },
})
const CHOSEN = {
  'requests fail and processes are killed': onDynamodb(WORLDS['fifo: requests fail and processes are killed']),
  'messages are dead-lettered': onDynamodb(WORLDS['fifo: messages are dead-lettered']),
}
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_EMBEDDED_SIMULATIONS ?? 2) }, (_, n) => n + 1)

describe.skipIf(noEmbedded())('message groups on DynamoDB', () => {
  describe.each(Object.entries(CHOSEN))('while %s', (_, settings) => {
    test.each(SEEDS)('every promise is kept (seed %i)', async (seed) => {
      const { client, table, close } = await embeddedTable()
      const { counted, quiet } = inRealTime()
      const { violations } = await runHistory(settings, {
        seed,
        storeOn: async (parts) => {
          const store = counted(dynamodbStore({ client, table, clock: parts.scheduler.clock }))
          return departing(() => store, parts)
        },
        quiet,
      })
      close()
      expect(violations).toEqual([])
    })
  })
})
