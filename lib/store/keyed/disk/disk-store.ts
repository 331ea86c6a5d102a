import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../clock.ts'
import type { Store } from '../../port.ts'
import { keyedStore } from '../keyed-store.ts'
import { type Load, loader } from '../load.ts'
import { type Reclaim, reclaimer } from '../reclaim.ts'
import { takeDataDirectory } from './data-directory.ts'
import { diskMaps } from './disk-maps.ts'
import { type LmdbFile, openLmdbFile } from './lmdb-file.ts'
import { recover } from './recovery.ts'

export interface DiskStoreParts {
  /** The directory that the data is in; created when it is missing. One process at a time has it. */
  readonly directory: string
  /** @default the system's clock */
  readonly clock?: Clock
  /**
   * Whether each answer waits until the disk has what it tells of. Otherwise it waits for the system alone: then it
   * survives the end of the process at any instant, and the last quarter of a second may be lost with the machine.
   *
   * @default false
   */
  readonly sync?: boolean
  /** From how many bytes on a log is emptied into the data file. @default 4 MiB */
  readonly logBytes?: number
  /** Is told what went wrong with nobody waiting for it, and is tried again. @default nobody */
  readonly warn?: (message: string, error: unknown) => void
}

export interface DiskStore extends Store, Reclaim, Load {
  /** Resolves with the reason when nothing can be kept any more, and the process should end. */
  readonly failed: Promise<string>
  /** Brings everything into the data file, and lets go of the directory. */
  close(): Promise<void>
}

/**
 * The store on disk.
 *
 * @throws an error that says what to do when the directory is another process's, can't be written to, is damaged, or
 * was written by a version with another layout
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
    // It tells of readers that have ended: nobody else has the file open.
    await rm(join(directory, `${DATA_FILE}-lock`), { force: true })
    file = await openLmdbFile(join(directory, DATA_FILE))
    const firstLog = await recover({ directory, file, warn })
    const maps = diskMaps({ directory, file, clock, firstLog, sync, warn, ...options })
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
