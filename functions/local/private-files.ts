import type { Stats } from 'node:fs'
import { chmod, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const OTHERS = 0o077
const OWNER_DIRECTORY = 0o700
const OWNER_FILE = 0o600

/**
 * Takes all rights on a data directory and on its files from every user but their owner. Files that are not Holdfast's
 * keep their rights, and so does a directory that holds such files. Returns the paths that other users can still open
 * because this process may not change their rights.
 *
 * @param isOwn whether a file is Holdfast's, by its name
 */
export const restrictToOwner = async (directory: string, isOwn: (name: string) => boolean): Promise<string[]> => {
  // On Windows a directory inherits the rights of the user's own directory, which other users can't open.
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
    // A journal or a lock may have been deleted since the directory was read.
    if (code === 'ENOENT') return true
    if (code === 'EPERM' || code === 'EROFS' || code === 'ENOTSUP') return false
    throw error
  }
}

/** Whether others than the owner have rights on it. A link's own rights have no effect, and its target may not be Holdfast's. */
const isOpen = (found: Stats): boolean => (found.isFile() || found.isDirectory()) && (found.mode & OTHERS) !== 0
