import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type DataDirectory,
  DataDirectoryInUse,
  takeDataDirectory,
} from '../../../../../lib/store/keyed/disk/data-directory.ts'
import { temporaryDirectory } from '../../../../support/temporary-directory.ts'

const taken = async (path: string): Promise<DataDirectory> => {
  const directory = await takeDataDirectory(path)
  onTestFinished(() => directory.release())
  return directory
}

describe('a data directory', () => {
  test('is created, held by one at a time, and free when released', async () => {
    const path = join(await temporaryDirectory(), 'deep', 'data')
    const first = await takeDataDirectory(path)
    await expect(takeDataDirectory(path)).rejects.toThrow(DataDirectoryInUse)
    await first.release()
    expect(await readdir(path)).toEqual([])
    await taken(path)
  })

  test('is given to exactly one of many who come at once, also over the lock of a dead one', async () => {
    const path = await temporaryDirectory()
    await writeFile(
      join(path, 'lock'),
      JSON.stringify({ pid: 2 ** 22 + 1, socket: join(path, 'gone.sock'), nonce: 'dead' }),
    )
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => taken(path)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DataDirectoryInUse)
    }
  })

  test('is not kept by a lock whose process id now belongs to another', async () => {
    const path = await temporaryDirectory()
    await writeFile(
      join(path, 'lock'),
      JSON.stringify({ pid: process.pid, socket: join(path, 'gone.sock'), nonce: 'dead' }),
    )
    await taken(path)
  })

  test('is not kept by a lock whose process id and socket now belong to others', async () => {
    const path = await temporaryDirectory()
    const socket = join(path, 'stranger.sock')
    const stranger = createServer((client) => client.end('something else')).listen(socket)
    onTestFinished(() => void stranger.close())
    await new Promise((resolve) => stranger.once('listening', resolve))
    await writeFile(join(path, 'lock'), JSON.stringify({ pid: process.pid, socket, nonce: 'dead' }))
    await taken(path)
  })

  test('is not kept by a lock that can not be read', async () => {
    const path = await temporaryDirectory()
    await writeFile(join(path, 'lock'), '{"pid":')
    await taken(path)
  })

  test('is created by all who come at once to where its parents are missing', async () => {
    const path = join(await temporaryDirectory(), 'a', 'b', 'c')
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => taken(path)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DataDirectoryInUse)
    }
  })

  test.runIf(existsSync('/proc/self'))('is refused where no directory can be made', async () => {
    await expect(takeDataDirectory('/proc/holdfast')).rejects.toThrow('/proc/holdfast')
    await expect(takeDataDirectory('/proc/holdfast/deep/data')).rejects.toThrow('/proc/holdfast')
  })

  test('names the file that is in the place of a directory', async () => {
    const path = join(await temporaryDirectory(), 'file')
    await writeFile(path, '')
    await expect(takeDataDirectory(path)).rejects.toThrow(path)
    await mkdir(`${path}2`)
    await taken(`${path}2`)
  })
})
