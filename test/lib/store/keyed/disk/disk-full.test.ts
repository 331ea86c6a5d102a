import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isHoldfastError } from '../../../../../lib/model/errors.ts'
import { DiskMaps } from '../../../../../lib/store/keyed/disk/disk-maps.ts'
import { DATA_FILE, type DiskStore, diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { type LmdbFile, openLmdbFile } from '../../../../../lib/store/keyed/disk/lmdb-file.ts'
import { createLog, type LogFile } from '../../../../../lib/store/keyed/disk/log-file.ts'
import type { Maps } from '../../../../../lib/store/keyed/entries.ts'
import { type ManualClock, manualClock, settled } from '../../../../support/manual-clock.ts'
import { overriding } from '../../../../support/overriding.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'
import { newPartition, textSegment } from '../../samples.ts'

/** What finds no room. */
const PLACES = ['an append', 'a new log', 'the end of a log', 'the data file'] as const
type Place = (typeof PLACES)[number]

const noRoom = () => Object.assign(new Error('no space left on device, write'), { code: 'ENOSPC' })

/** Maps in a directory whose disk can be filled. */
const fillable = async (directory: string, clock: ManualClock) => {
  let full: Place | undefined
  const warnings: string[] = []
  const unless = (place: Place) => {
    if (full === place) throw noRoom()
  }
  const create: typeof createLog = (...where) => {
    unless('a new log')
    const log = createLog(...where)
    const own: Partial<LogFile> = {
      append: (bytes) => {
        unless('an append')
        log.append(bytes)
      },
      complete: () => {
        unless('the end of a log')
        log.complete()
      },
    }
    return overriding(log, own)
  }
  const lmdb = await openLmdbFile(join(directory, DATA_FILE))
  const write: LmdbFile['write'] = async (batch) => {
    unless('the data file')
    await lmdb.write(batch)
  }
  const file = overriding(lmdb, { write })
  const maps = new DiskMaps({
    directory,
    file,
    clock,
    create,
    firstLog: 1,
    sync: false,
    logBytes: 2_000,
    warn: (message) => warnings.push(message),
  })
  return { maps, warnings, fill: (place: Place | undefined) => (full = place) }
}

const refusalOf = (written: Promise<unknown>): Promise<unknown> =>
  written.then(
    () => undefined,
    (error: unknown) => error,
  )

const put = (sort: string, value: string) => (maps: Maps) =>
  maps.documents.set('p', sort, { partition: 'p', sort, version: 1, value })

const allIn = ({ documents }: Maps): string[] => {
  const found: string[] = []
  documents.visit('p', '', '~', (sort) => found.push(sort) > 0)
  return found
}

describe.each(PLACES)('where %s finds no room', (place) => {
  test('writes are refused as that becomes necessary, reads go on, and so does all else once there is room', async () => {
    const directory = quickDirectory()
    const clock = manualClock()
    const { maps, fill, warnings } = await fillable(directory, clock)
    await maps.atomically(put('before', 'there'))
    fill(place)
    const kept = ['before']
    let refusal: unknown
    // What can be held without the place that is full is held, and no more.
    for (let n = 0; n < 100 && !refusal; n++) {
      const sort = `n${String(n).padStart(3, '0')}`
      const written = refusalOf(maps.atomically(put(sort, 'x'.repeat(400))))
      await settled()
      await clock.advance(1_000)
      refusal = await written
      if (!refusal) kept.push(sort)
    }
    if (place === 'an append' || place === 'the data file') {
      expect(refusal).toMatchObject({ code: 'StoreUnavailable', retryable: true })
      expect((refusal as Error).message).toBe(
        `the disk that holds ${directory} is full: nothing was changed; free some space and try again`,
      )
    } else {
      // The log that there is goes on being written.
      expect(kept).toHaveLength(101)
      expect(warnings).toContain("a new log of changes can't be created; the server tries again in a second")
    }
    expect(await maps.read(allIn)).toEqual(kept)
    expect(await maps.atomically(allIn)).toEqual(kept)
    fill(undefined)
    await clock.advance(1_000)
    await expect.poll(() => refusalOf(maps.atomically(put('again', ''))), { interval: 1 }).toBe(undefined)
    kept.push('again')
    for (let n = 0; n < 20; n++) {
      kept.push(`o${n}`)
      await maps.atomically(put(`o${n}`, 'x'.repeat(400)))
    }
    kept.sort()
    expect(await maps.atomically(allIn)).toEqual(kept)
    await maps.close()
    const { store, close } = await reopened(directory)
    expect((await store.listDocuments({ partition: 'p', limit: 200 })).map(({ sort }) => sort)).toEqual(kept)
    await close()
  })
})

const reopened = async (directory: string) => {
  const store = await diskStore({ directory })
  return { store, close: store.close }
}

/** A disk of a few megabytes; nothing where this process may not have one. */
const smallDisk = (megabytes: number): string | undefined => {
  const directory = join(quickDirectory(), 'disk')
  try {
    mkdirSync(directory)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'holdfast-test', directory], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]))
  return directory
}

test('on a disk that is really full nothing answered is lost, and the store goes on when there is room', async (context) => {
  const disk = smallDisk(3)
  if (!disk) return context.skip('mounting a disk needs rights that this process lacks')
  const directory = join(disk, 'data')
  const partition = newPartition()
  const failures: unknown[] = []
  const open = () => diskStore({ directory, logBytes: 200_000, warn: (_, error) => failures.push(error) })
  const insert = (store: DiskStore, n: number) =>
    store.insert(textSegment(partition, ['x'.repeat(5_000)], { n, expiresAt: 4_102_444_800_000 }))
  const count = async (store: DiskStore) =>
    (await store.headers({ partition, from: '0', to: '~', limit: 2_000, consistent: true })).segments.length
  const ballast = join(disk, 'ballast')
  writeFileSync(ballast, Buffer.alloc(1_000_000))
  let store = await open()
  let answered = 0
  const fill = async () => {
    for (;;) {
      const error = await refusalOf(insert(store, answered))
      if (error) return error
      answered++
    }
  }
  const refusal = await fill()
  expect(isHoldfastError(refusal) && refusal.code).toBe('StoreUnavailable')
  expect((refusal as Error).message).toMatch(/^the disk that holds .* is full: nothing was changed/)
  expect(await count(store)).toBe(answered)
  rmSync(ballast)
  // It is tried again by and by: until then a write may still be refused.
  await expect.poll(() => insert(store, answered).then(() => 'written'), { timeout: 30_000 }).toBe('written')
  answered++
  await fill()
  expect(await count(store)).toBe(answered)
  await store.close()
  // Neither is a start without room the end of it.
  store = await open().catch((error: Error) => {
    expect(error.message).toMatch(/is full/)
    execFileSync('mount', ['-o', 'remount,size=30m', disk])
    return open()
  })
  execFileSync('mount', ['-o', 'remount,size=30m', disk])
  expect(await count(store)).toBe(answered)
  await store.close()
})
