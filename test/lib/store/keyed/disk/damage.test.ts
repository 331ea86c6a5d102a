import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DATA_FILE, diskStore } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { openLmdbFile } from '../../../../../lib/store/keyed/disk/lmdb-file.ts'
import { createLog } from '../../../../../lib/store/keyed/disk/log-file.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'

const PAGE = 4_096

/** A directory with a data file of a few dozen pages, small values and large ones, in two levels of pages. */
const withData = async (): Promise<{ directory: string; path: string }> => {
  const directory = quickDirectory()
  const path = join(directory, DATA_FILE)
  const file = await openLmdbFile(path)
  for (let batch = 0; batch < 4; batch++) {
    const entry = (n: number) => [`sp\u0001${batch}-${n}`, Buffer.alloc(n % 10 === 0 ? 9_000 : 300, 7)] as const
    await file.write(Array.from({ length: 50 }, (_, n) => entry(n + 10)))
  }
  await file.close()
  return { directory, path }
}

const overwrite = (path: string, at: number, bytes: Uint8Array): void => {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, at)
  closeSync(fd)
}

const opened = async (directory: string): Promise<string> => {
  try {
    await (await diskStore({ directory })).close()
    return 'opened'
  } catch (error) {
    return (error as Error).message
  }
}

describe('a data file', () => {
  test.each<[string, (path: string, size: number) => void]>([
    ['without the start of its header', (path) => overwrite(path, 0, Buffer.alloc(PAGE))],
    ['without the other half of its header', (path) => overwrite(path, PAGE, Buffer.alloc(PAGE))],
    ['that is something else', (path) => writeFileSync(path, Buffer.alloc(50_000, 'text'))],
    ['of a few bytes', (path) => truncateSync(path, 10)],
    ['of half a header', (path) => truncateSync(path, PAGE + 10)],
    ['that was cut off', (path, size) => truncateSync(path, Math.floor(size / 2 / PAGE) * PAGE)],
  ])('%s is refused, and the error says what to do', async (_, damage) => {
    const { directory, path } = await withData()
    damage(path, statSync(path).size)
    expect(await opened(directory)).toMatch(
      new RegExp(
        `^${path} is damaged \\(.+\\): restore ${directory} from a copy, or move it away to start with an empty one$`,
      ),
    )
  })

  test.each([0, 0xff])('is refused, or opened, but never ends the process, whichever page is all %i', async (byte) => {
    const { directory, path } = await withData()
    const whole = join(quickDirectory(), 'whole')
    copyFileSync(path, whole)
    const outcomes = { opened: 0, refused: 0 }
    for (let page = 0; page < statSync(whole).size / PAGE; page++) {
      copyFileSync(whole, path)
      overwrite(path, page * PAGE, Buffer.alloc(PAGE, byte))
      const outcome = await opened(directory)
      if (outcome !== 'opened') expect(outcome).toMatch(/is damaged \(/)
      outcomes[outcome === 'opened' ? 'opened' : 'refused']++
    }
    // Pages that are free, and those in the middle of a large value, are not looked at.
    expect(outcomes.refused).toBeGreaterThan(10)
    expect(outcomes.opened).toBeGreaterThan(5)
  })

  test('is not refused for lacking pages at its end that nothing refers to', async () => {
    const { directory, path } = await withData()
    const file = await openLmdbFile(path)
    for (let batch = 0; batch < 4; batch++) {
      await file.write(Array.from({ length: 50 }, (_, n) => [`sp\u0001${batch}-${n + 10}`, undefined] as const))
    }
    // What is left moves to pages further in front.
    for (let n = 0; n < 4; n++) await file.write([['sp\u0001last', Buffer.of(n)]])
    await file.close()
    const pages = statSync(path).size / PAGE
    truncateSync(path, (pages - 5) * PAGE)
    expect(await opened(directory)).toBe('opened')
    truncateSync(path, 3 * PAGE)
    expect(await opened(directory)).toMatch('fewer than its header names')
  })

  test('of another layout is refused, and the error says which version reads it', async () => {
    const { directory, path } = await withData()
    const file = await openLmdbFile(path)
    await file.write([['m', Buffer.of(9)]])
    await file.close()
    expect(await opened(directory)).toBe(
      `${path} was written in layout 9 by another version of Holdfast, but this version reads layout 1: start that version`,
    )
  })
})

test.each([
  [1, ' once and end it with Ctrl-C'],
  [9, ''],
])('a log of layout %i is refused, and the error says what to do', async (layout, then) => {
  const { directory } = await withData()
  const log = createLog(directory, 1)
  log.close()
  overwrite(log.path, 5, Buffer.of(layout))
  expect(await opened(directory)).toBe(
    `${log.path} was written in layout ${layout} by another version of Holdfast, but this version reads layout 2: start that version${then}`,
  )
})

/** The superuser may write everywhere: the rest of the test is somebody else. */
const asOrdinaryUser = (): void => {
  if (process.getuid?.() !== 0) return
  process.seteuid?.(65_534)
  onTestFinished(() => process.seteuid?.(0))
}

describe.skipIf(process.platform === 'win32')('what may only be read', () => {
  test.each([
    ['a directory', ''],
    ['a data file', DATA_FILE],
  ])('%s is refused, named, and left as it is', async (_, name) => {
    const outer = quickDirectory()
    chmodSync(outer, 0o755)
    const directory = join(outer, 'data')
    mkdirSync(directory)
    const { path } = await withData()
    copyFileSync(path, join(directory, DATA_FILE))
    chmodSync(directory, name === '' ? 0o555 : 0o777)
    chmodSync(join(directory, DATA_FILE), 0o444)
    asOrdinaryUser()
    const message = await opened(directory)
    expect(message).toMatch(/permission denied/i)
    expect(message).toContain(join(directory, name))
  })
})
