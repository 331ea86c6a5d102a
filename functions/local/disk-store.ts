import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DataDirectoryInUse } from '../../lib/store/keyed/disk/data-directory.ts'
import { DATA_FILE, diskStore } from '../../lib/store/keyed/disk/disk-store.ts'
import type { Log } from '../runtime/log.ts'
import { restrictToOwner } from './private-files.ts'
import { startReclaiming } from './reclaim-worker.ts'
import type { LocalStore } from './store.ts'
import { UsageError } from './usage-error.ts'

export interface DiskStoreParts {
  /** The data directory. */
  readonly path: string
  /** Names a directory of its own in the data directory. */
  readonly table: string
  /** Whether each answer waits for the disk. */
  readonly sync: boolean
  readonly log: Log
}

/** The file of the embedded DynamoDB engine: see `embedded-store.ts`, which is not loaded here. */
const ENGINE_FILE = 'dynamodb.sqlite'

/** Files in the data directory, written by this process alone. */
export const openDisk = async ({ path, table, sync, log }: DiskStoreParts): Promise<LocalStore> => {
  if (!/^[\w.-]{1,255}$/.test(table) || /^\.+$/.test(table)) {
    const is = JSON.stringify(table)
    throw new UsageError(`HOLDFAST_TABLE is ${is}, but must be 1 to 255 letters, digits, dashes and dots`)
  }
  const directory = join(path, table)
  // A new store in this directory would hide the messages that the engine keeps here.
  if (existsSync(join(path, ENGINE_FILE)) && !existsSync(join(directory, DATA_FILE))) {
    throw new UsageError(
      [
        `${path} holds the data of the embedded DynamoDB engine.`,
        'Use it as it is with --engine dynamodb, or start with other data with --data DIRECTORY. To take messages along,',
        'run both on two ports, and move them from one to the other with any SQS client.',
      ].join('\n'),
    )
  }
  const warn = (message: string, error: unknown) => log.warn(message, { error })
  const store = await diskStore({ directory, sync, warn }).catch((error: Error) => {
    throw new UsageError(`${reasonOf(error, path)} choose another directory with --data`, { cause: error })
  })
  const stillOpen = await restrictToOwner(directory, () => true)
  if (stillOpen.length > 0) log.warn('other users of this machine can read the data', { paths: stillOpen })
  const reclaiming = startReclaiming(store, log)
  return {
    store,
    description: `data in ${directory}`,
    failed: store.failed,
    close: async () => {
      await reclaiming.stop()
      await store.close()
    },
  }
}

const reasonOf = (error: Error, path: string): string => {
  if (error instanceof DataDirectoryInUse) return `${error.message}: stop it, or`
  // The operating system's errors lack the context; the store's own errors have it.
  return (error as NodeJS.ErrnoException).code ? `${path} can't hold data (${error.message}):` : `${error.message}:`
}
