import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { type DiskStore, diskStore } from '../../../../lib/store/keyed/disk/disk-store.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { storeContract } from '../contract.ts'

describe.each([
  ['on disk', {}],
  ['on disk, its logs emptied all the time', { logBytes: 1 }],
  ['on disk, each answer after a sync', { sync: true }],
])('the store %s', (name, options) => {
  const clock = manualClock()
  let directory: string
  let store: DiskStore
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
    store = await diskStore({ directory, clock, ...options })
  })
  afterAll(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })
  storeContract(name, () => ({ store, clock }))
})
