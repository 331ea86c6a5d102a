import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { restrictToOwner } from '../../../functions/local/private-files.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const isOwn = (name: string) => name.startsWith('data')

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

const fileIn = async (directory: string, name: string, mode: number): Promise<string> => {
  const path = join(directory, name)
  await writeFile(path, '')
  await chmod(path, mode)
  return path
}

const directory = async (): Promise<string> => {
  const path = join(await temporaryDirectory(), 'data')
  await mkdir(path)
  await chmod(path, 0o755)
  return path
}

describe.skipIf(process.platform === 'win32')('the rights on a data directory', () => {
  test('are taken from everyone but the owner, on the directory and on its files', async () => {
    const path = await directory()
    const files = [await fileIn(path, 'data.db', 0o644), await fileIn(path, 'data.db-wal', 0o660)]
    expect(await restrictToOwner(path, isOwn)).toEqual([])
    expect(await modeOf(path)).toBe('700')
    for (const file of files) expect(await modeOf(file)).toBe('600')
  })

  test('stay as they are on files of others, and on a directory that holds any', async () => {
    const path = await directory()
    const own = await fileIn(path, 'data.db', 0o644)
    const program = await fileIn(path, 'program', 0o755)
    expect(await restrictToOwner(path, isOwn)).toEqual([])
    expect([await modeOf(path), await modeOf(own), await modeOf(program)]).toEqual(['755', '600', '755'])
  })

  test('are not changed behind a link', async () => {
    const path = await directory()
    const elsewhere = await fileIn(await temporaryDirectory(), 'elsewhere', 0o644)
    await symlink(elsewhere, join(path, 'data.link'))
    await restrictToOwner(path, isOwn)
    expect(await modeOf(elsewhere)).toBe('644')
  })

  test('that are narrower already stay so', async () => {
    const path = await directory()
    const file = await fileIn(path, 'data.db', 0o400)
    await restrictToOwner(path, isOwn)
    expect(await modeOf(file)).toBe('400')
  })
})
