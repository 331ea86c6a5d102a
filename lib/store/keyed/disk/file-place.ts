import { statSync } from 'node:fs'

/**
 * Remembers which file is at a path. Returns whether the same file is still there: an open file can be written after it was removed or
 * moved, and nobody finds what was written then.
 */
export const placeOf = (path: string): (() => boolean) => {
  const before = statSync(path)
  return () => {
    const now = statSync(path, { throwIfNoEntry: false })
    return now !== undefined && now.ino === before.ino && now.dev === before.dev
  }
}
