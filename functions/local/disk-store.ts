import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { isHoldfastError } from '../../lib/model/errors.ts'
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
  /** Whether what the embedded DynamoDB engine keeps in the data directory is copied first. */
  readonly migrates: boolean
  readonly env: NodeJS.ProcessEnv
  readonly log: Log
}

/** The file of the embedded DynamoDB engine: see `embedded-store.ts`, which is not loaded here. */
const ENGINE_FILE = 'dynamodb.sqlite'

/**
 * By how many percent the heap may outgrow what is in use before it is collected. By default V8 lets a small heap grow
 * fourfold: 231 MB of memory instead of 135 MB while 1 KB messages are published.
 */
const HEAP_GROWTH = '--heap-growing-percent=40'

/** Files in the data directory, written by this process alone. */
export const openDisk = async ({ path, table, sync, migrates, env, log }: DiskStoreParts): Promise<LocalStore> => {
  if (!/^[\w.-]{1,255}$/.test(table) || /^\.+$/.test(table)) {
    const is = JSON.stringify(table)
    throw new UsageError(`HOLDFAST_TABLE is ${is}, but must be 1 to 255 letters, digits, dashes and dots`)
  }
  setFlagsFromString(HEAP_GROWTH)
  const directory = join(path, table)
  const migrated = await takenAlong({ path, table, directory, migrates, env, log })
  const warn = (message: string, error: unknown) => log.warn(message, { error })
  const store = await diskStore({ directory, sync, warn }).catch((error: Error) => {
    throw new UsageError(`${reasonOf(error, path)} choose another directory with --data`, { cause: error })
  })
  const stillOpen = await restrictToOwner(directory, () => true)
  if (stillOpen.length > 0) log.warn('other users of this machine can read the data', { paths: stillOpen })
  const reclaiming = startReclaiming(store, log)
  return {
    store,
    description: `data in ${directory}${migrated}`,
    directory,
    failed: store.failed,
    close: async () => {
      await reclaiming.stop()
      await store.close()
    },
  }
}

/**
 * Copies the data of the embedded engine, if there is any that is not on disk, or refuses to start without it: a new store
 * would hide the messages that the engine keeps. Answers what the banner says of it.
 */
const takenAlong = async ({
  path,
  table,
  directory,
  migrates,
  env,
  log,
}: Omit<DiskStoreParts, 'sync'> & { directory: string }): Promise<string> => {
  if (existsSync(join(directory, DATA_FILE))) {
    if (migrates) log.warn('--migrate has no effect: there is data on disk already', { directory })
    return ''
  }
  if (!existsSync(join(path, ENGINE_FILE))) return ''
  if (!migrates) throw new UsageError(engineDataIn(path))
  const { migrate } = await import('./migrate.ts')
  const items = await migrate({ path, table, directory, env }).catch((cause: Error) => {
    throw new UsageError(`the data in ${path} can't be migrated, and is as it was: ${cause.message}`, { cause })
  })
  return ` (${items} items from ${ENGINE_FILE}, which is no longer used)`
}

const engineDataIn = (path: string): string =>
  [
    `${path} holds the data of the embedded DynamoDB engine.`,
    'Start once with --migrate to copy it to disk, with leases and due times. Or use it as it is with --engine dynamodb, or',
    'start with other data with --data DIRECTORY.',
  ].join('\n')

const reasonOf = (error: Error, path: string): string => {
  if (error instanceof DataDirectoryInUse) return `${error.message}: stop it, or`
  if (isHoldfastError(error)) return `${error.message}, or`
  // The operating system's errors lack the context; the store's own errors have it.
  return (error as NodeJS.ErrnoException).code ? `${path} can't hold data (${error.message}):` : `${error.message}, or`
}
