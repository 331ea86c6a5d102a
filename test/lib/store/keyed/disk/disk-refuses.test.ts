import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DiskMaps } from '../../../../../lib/store/keyed/disk/disk-maps.ts'
import { DATA_FILE } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { openLmdbFile } from '../../../../../lib/store/keyed/disk/lmdb-file.ts'
import { createLog, type LogFile } from '../../../../../lib/store/keyed/disk/log-file.ts'
import type { Maps } from '../../../../../lib/store/keyed/entries.ts'
import { manualClock } from '../../../../support/manual-clock.ts'
import { overriding } from '../../../../support/overriding.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'

const put = (sort: string) => (maps: Maps) =>
  maps.documents.set('p', sort, { partition: 'p', sort, version: 1, value: 'x'.repeat(100) })

// What a disk has refused once may be gone, though later syncs succeed and it can still be read.
test.each([
  ['an answer', { sync: true, logBytes: 1_000_000 }],
  ['the data file', { sync: false, logBytes: 300 }],
])('when the disk refuses what %s waits for, nothing is answered any more', async (_, options) => {
  const directory = quickDirectory()
  let refuses = false
  const create: typeof createLog = (...where) => {
    const log = createLog(...where)
    const own: Partial<LogFile> = {
      sync: async () => {
        if (refuses) throw Object.assign(new Error('i/o error, fdatasync'), { code: 'EIO' })
        await log.sync()
      },
    }
    return overriding(log, own)
  }
  const file = await openLmdbFile(join(directory, DATA_FILE))
  const maps = new DiskMaps({ ...options, directory, file, create, clock: manualClock(), firstLog: 1, warn: () => {} })
  await maps.atomically(put('before'))
  refuses = true
  // Without waiting for the disk some are answered until the log is full.
  for (let n = 0; n < 5; n++) await maps.atomically(put(`n${n}`)).catch(() => {})
  const reason = `the data in ${directory} can't be written: i/o error, fdatasync`
  expect(await maps.failed).toBe(reason)
  refuses = false
  const refusal = { code: 'StoreUnavailable', message: reason }
  await expect(maps.atomically(put('after'))).rejects.toMatchObject(refusal)
  await expect(maps.atomically(({ documents }) => documents.get('p', 'before'))).rejects.toMatchObject(refusal)
  await expect(maps.read(({ documents }) => documents.get('p', 'before'))).rejects.toMatchObject(refusal)
  await maps.close()
})
