import { describe, expect, test } from 'vitest'
import { restartedDisk } from '../support/restarted-disk.ts'
import { inRealTime } from './in-real-time.ts'
import { runHistory } from './run-history.ts'
import { departing } from './table.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

/** The world without a replica, which can follow only a store in memory. */
const onDisk = (settings: WorldSettings): WorldSettings => ({ ...settings, table: { tornReads: 0.3 } })

const CHOSEN = [
  'standard: everything fails',
  'standard: messages are dead-lettered',
  'standard: with groups',
  'fifo: requests fail and processes are killed',
  'fifo: messages are dead-lettered',
] as const
/** `npm run test:faults` has more. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_DISK_SIMULATIONS ?? 1) }, (_, n) => n + 1)
/** Operations from one restart of the store to the next. */
const RESTART_EVERY = 150

describe.each(CHOSEN)('on disk, restarted now and then, %s', (name) => {
  test.each(SEEDS)('every promise is kept (seed %i)', async (seed) => {
    const { counted, quiet } = inRealTime()
    let close = async () => {}
    const { violations, received } = await runHistory(onDisk(WORLDS[name]), {
      seed,
      storeOn: async (parts) => {
        const disk = await restartedDisk({ clock: parts.scheduler.clock, every: RESTART_EVERY })
        close = disk.close
        const store = counted(disk.store)
        return departing(() => store, parts)
      },
      quiet,
    })
    await close()
    expect(violations).toEqual([])
    expect(received).toBeGreaterThan(10)
  })
})
