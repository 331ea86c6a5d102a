import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../clock.ts'
import type { Store } from '../../port.ts'
import { keyedStore } from '../keyed-store.ts'
import { type Load, loader } from '../load.ts'
import { type Reclaim, reclaimer } from '../reclaim.ts'
import { takeDataDirectory } from './data-directory.ts'
import { DiskMaps } from './disk-maps.ts'
import { type LmdbFile, openLmdbFile } from './lmdb-file.ts'
import { recover } from './recovery.ts'

export interface DiskStoreParts {
  /** The data directory; created if it is missing. One process at a time can use it. */
  readonly directory: string
  /** @default the system's clock */
  readonly clock?: Clock
  /**
   * Whether each answer waits until its changes are on the disk. Otherwise an answer waits until the operating system has
   * them: the changes survive the end of the process at any instant, but those of the last quarter of a second may be lost
   * if the machine ends.
   *
   * @default false
   */
  readonly sync?: boolean
  /** Size at which a log is emptied into the data file. @default 4 MiB */
  readonly logBytes?: number
  /** Called with a failure in the background, which is retried. @default nothing */
  readonly warn?: (message: string, error: unknown) => void
}

export interface DiskStore extends Store, Reclaim, Load {
  /** Resolves with the reason when the store can no longer keep changes; the process should then end. */
  readonly failed: Promise<string>
  /** Empties the logs into the data file, and releases the directory. */
  close(): Promise<void>
}

/**
 * The store on disk.
 *
 * @throws an error whose message says what to do, where another process uses the directory, or where the directory is
 * read-only, damaged, or in the layout of another version
 */
export const diskStore = async ({
  directory,
  clock = systemClock,
  sync = false,
  warn = () => {},
  ...options
}: DiskStoreParts): Promise<DiskStore> => {
  const taken = await takeDataDirectory(directory)
  let file: LmdbFile | undefined
  try {
    // LMDB's list of readers: no other process has the file open, so all of them have ended.
    await rm(join(directory, `${DATA_FILE}-lock`), { force: true })
    file = await openLmdbFile(join(directory, DATA_FILE))
    const firstLog = await recover({ directory, file, warn })
    const maps = new DiskMaps({ directory, file, clock, firstLog, sync, warn, ...options })
    return {
      ...keyedStore({ maps, clock }),
      ...reclaimer(maps, clock),
      ...loader(maps),
      failed: maps.failed,
      close: async () => {
        await maps.close()
        await taken.release()
      },
    }
  } catch (error) {
    await file?.close()
    await taken.release()
    throw error
  }
}

export const DATA_FILE = 'data.mdb'
