import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type DiskStore, diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { manualClock } from '../../../../support/manual-clock.ts'
import { temporaryDirectory } from '../../../../support/temporary-directory.ts'
import { storeContract } from '../../contract.ts'
import { newPartition, textSegment } from '../../samples.ts'

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

test('what a new process finds covers what it has changed since, wherever a read begins', async () => {
  const directory = await temporaryDirectory()
  const partition = newPartition()
  const clock = manualClock()
  const first = await diskStore({ directory, clock })
  for (const n of [1, 2, 3]) await first.insert(textSegment(partition, ['stored'], { n }))
  await first.close()
  const second = await diskStore({ directory, clock })
  onTestFinished(() => second.close())
  const headers = async (from: string) =>
    (await second.headers({ partition, from, to: '~', limit: 10, consistent: true })).segments.length
  // What is in memory begins here.
  expect(await headers('9')).toBe(3)
  for (const n of [4, 5]) await second.insert(textSegment(partition, ['new'], { n }))
  expect(await headers('0')).toBe(5)
})
