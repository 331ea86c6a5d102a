import type { Stats } from 'node:fs'
import { chmod, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const OTHERS = 0o077
const OWNER_DIRECTORY = 0o700
const OWNER_FILE = 0o600

/**
 * Takes all rights on a data directory and on its files from everyone but their owner, also where an earlier version
 * left some. Files with other names are not Holdfast's: they keep their rights, and so does a directory that holds any.
 * Returns the paths that stay open because this process may not change them.
 */
export const restrictToOwner = async (directory: string, isOwn: (name: string) => boolean): Promise<string[]> => {
  // On Windows the rights of a directory are inherited from the user's own.
  if (process.platform === 'win32') return []
  const names = await readdir(directory)
  const files = names.filter(isOwn).map((name) => join(directory, name))
  const stillOpen: string[] = []
  for (const path of names.every(isOwn) ? [directory, ...files] : files) {
    if (!(await restricted(path))) stillOpen.push(path)
  }
  return stillOpen
}

const restricted = async (path: string): Promise<boolean> => {
  try {
    const found = await lstat(path)
    if (!isOpen(found)) return true
    await chmod(path, found.isDirectory() ? OWNER_DIRECTORY : OWNER_FILE)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A journal or a lock may have gone since the directory was read.
    if (code === 'ENOENT') return true
    if (code === 'EPERM' || code === 'EROFS' || code === 'ENOTSUP') return false
    throw error
  }
}

/** A link's own rights have no effect, and its target may not be Holdfast's. */
const isOpen = (found: Stats): boolean => (found.isFile() || found.isDirectory()) && (found.mode & OTHERS) !== 0
