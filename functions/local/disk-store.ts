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
  /** The name of the table's own directory, in the data directory. */
  readonly table: string
  /** Whether each answer waits for the disk. */
  readonly sync: boolean
  /** Whether the data of the embedded DynamoDB engine, in the same data directory, is copied to disk first. */
  readonly migrates: boolean
  readonly env: NodeJS.ProcessEnv
  readonly log: Log
}

/** The file of the embedded DynamoDB engine: see `embedded-store.ts`, which is not loaded here. */
const ENGINE_FILE = 'dynamodb.sqlite'

/**
 * V8 collects garbage when the heap is larger by this many percent than what is in use. By default V8 lets a small heap
 * grow fourfold: the server takes 231 MB of memory instead of 135 MB while clients publish messages of 1 KB.
 */
const HEAP_GROWTH = '--heap-growing-percent=40'

/** Files in the data directory, written by this process alone. */
export const openDisk = async ({ path, table, sync, migrates, env, log }: DiskStoreParts): Promise<LocalStore> => {
  if (!/^[\w.-]{1,255}$/.test(table) || /^\.+$/.test(table)) {
    const is = JSON.stringify(table)
    throw new UsageError(`HOLDFAST_TABLE is ${is}, but must be 1 to 255 letters, digits, dashes, underscores and dots`)
  }
  setFlagsFromString(HEAP_GROWTH)
  const directory = join(path, table)
  const migrated = await migrateEngineData({ path, table, directory, migrates, env, log })
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
 * Copies the data of the embedded engine, if there is any that is not on disk, or refuses to start without `--migrate`: a
 * new store would hide the messages that the engine keeps. Returns a note for the banner, empty where nothing was copied.
 */
const migrateEngineData = async ({
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
    'Start once with --migrate to copy the messages to disk, with their leases and due times. Or start with --engine dynamodb',
    'to use the data as it is, or with --data DIRECTORY to use another directory.',
  ].join('\n')

const reasonOf = (error: Error, path: string): string => {
  if (error instanceof DataDirectoryInUse) return `${error.message}: stop it, or`
  if (isHoldfastError(error)) return `${error.message}, or`
  // An error of the operating system does not name the data directory; the store's own errors do.
  return (error as NodeJS.ErrnoException).code ? `${path} can't hold data (${error.message}):` : `${error.message}, or`
}
