import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DataDirectoryInUse } from '../../../../../lib/store/keyed/disk/data-directory.ts'
import { DATA_FILE, type DiskStore, diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'

const keyOf = (sort: string) => ({ partition: 'p', sort })
const put = (store: DiskStore, sort: string) =>
  store.transact([{ kind: 'put', key: keyOf(sort), value: 'x'.repeat(100), ifVersion: 0 }])

const REFUSAL = {
  code: 'StoreUnavailable',
  message: expect.stringContaining('was removed or replaced while it was in use'),
}

const remove = (directory: string) => rmSync(directory, { recursive: true })

describe.each([
  ['removed', remove],
  ['moved', (directory: string) => renameSync(directory, `${directory}.moved`)],
  [
    'moved, and another one is in its place',
    (directory: string) => {
      renameSync(directory, `${directory}.moved`)
      mkdirSync(directory)
    },
  ],
])('a store whose directory is %s', (_, change) => {
  test.each([true, false])('answers nothing more, and has failed (sync: %s)', async (sync) => {
    const directory = join(quickDirectory(), 'data')
    const store = await diskStore({ directory, sync })
    await put(store, 'before')
    change(directory)
    await expect(put(store, 'after')).rejects.toMatchObject(REFUSAL)
    await expect(put(store, 'later')).rejects.toMatchObject(REFUSAL)
    expect(await store.failed).toContain(directory)
    await store.close()
  })
})

test('a store whose directory was removed leaves alone what another one has there', async () => {
  const directory = join(quickDirectory(), 'data')
  const first = await diskStore({ directory })
  remove(directory)
  const second = await diskStore({ directory })
  await put(second, 'kept')
  await first.close()
  await expect(diskStore({ directory })).rejects.toThrow(DataDirectoryInUse)
  await put(second, 'kept too')
  await second.close()
  const third = await diskStore({ directory })
  expect(await third.getDocument(keyOf('kept'))).toBeDefined()
  expect(await third.getDocument(keyOf('kept too'))).toBeDefined()
  await third.close()
})

test('where the data file alone is removed, the logs with its changes stay', async () => {
  const directory = join(quickDirectory(), 'data')
  const store = await diskStore({ directory, logBytes: 2_000 })
  rmSync(join(directory, DATA_FILE))
  for (let n = 0; n < 30; n++) await put(store, `n${n}`).catch(() => {})
  expect(await store.failed).toContain('was removed or replaced')
  expect(readdirSync(directory)).toContain('log.1')
  await store.close()
  expect(readdirSync(directory)).toContain('log.1')
})
