import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { DataDirectoryInUse, takeDataDirectory } from '../../lib/store/keyed/disk/data-directory.ts'
import type { Store } from '../../lib/store/port.ts'
import type { Log } from '../runtime/log.ts'
import type { LocalOptions } from './options.ts'

export interface LocalStore {
  readonly store: Store
  /** In words, for the banner. */
  readonly description: string
  /** Resolves when the store has gone without being told to, with the reason. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

const never = new Promise<string>(() => {})
const DEFAULT_TABLE = 'holdfast'
const DEFAULT_DIRECTORY = '.holdfast'
const ENGINE_FILE = 'dynamodb.sqlite'

/** What the command line names, or else the DynamoDB that the environment names, or else files in the data directory. */
export const openStore = async (options: LocalOptions, env: NodeJS.ProcessEnv, log: Log): Promise<LocalStore> => {
  const table = env.HOLDFAST_TABLE || DEFAULT_TABLE
  const endpoint = env.AWS_ENDPOINT_URL_DYNAMODB
  const directory = resolve(options.data ?? DEFAULT_DIRECTORY)
  if (options.memory || options.engine === 'memory') return memory()
  if (options.engine === 'dynamodb') return embedded(directory, table, log)
  if (options.engine === undefined && options.data === undefined && endpoint) return remote(endpoint, table)
  return disk(directory, table, options.sync, log)
}

const memory = async (): Promise<LocalStore> => {
  const { memoryStore } = await import('../../lib/store/keyed/memory-store.ts')
  return { store: memoryStore(), description: 'in memory', failed: never, close: async () => {} }
}

/** Each table has a directory of its own in the data directory. */
const disk = async (data: string, table: string, sync: boolean, log: Log): Promise<LocalStore> => {
  if (!/^[\w.-]{1,255}$/.test(table) || /^\.+$/.test(table)) {
    throw new Error(`HOLDFAST_TABLE is ${JSON.stringify(table)}, but must be 1 to 255 letters, digits, dashes and dots`)
  }
  const { DATA_FILE, diskStore } = await import('../../lib/store/keyed/disk/disk-store.ts')
  const directory = join(data, table)
  // The messages are there, and would seem to be gone.
  if (existsSync(join(data, ENGINE_FILE)) && !existsSync(join(directory, DATA_FILE))) {
    throw new Error(
      [
        `${data} holds the data of the embedded DynamoDB engine.`,
        `Use it as it is with --engine dynamodb, or start with other data with --data DIRECTORY. To take messages along,`,
        'run both on two ports, and move them from one to the other with any SQS client.',
      ].join('\n'),
    )
  }
  const store = await diskStore({ directory, sync, warn: (message, error) => log.warn(message, { error }) }).catch(
    inUse,
  )
  return { store, description: `data in ${directory}`, failed: store.failed, close: store.close }
}

const inUse = (error: Error): never => {
  if (!(error instanceof DataDirectoryInUse)) throw error
  throw new Error(`${error.message}: stop it, or choose another directory with --data`, { cause: error })
}

const remote = async (endpoint: string, table: string): Promise<LocalStore> => {
  const { openTable, standInCredentials } = await import('./dynamodb.ts')
  const { store, client } = await openTable({ table, ...(await standInCredentials(process.env)) }).catch((cause) => {
    throw new Error(`the table ${table} at ${endpoint} can't be used: ${(cause as Error).message}`, { cause })
  })
  return { store, description: `table ${table} at ${endpoint}`, failed: never, close: async () => client.destroy() }
}

const embedded = async (path: string, table: string, log: Log, clock: Clock = systemClock): Promise<LocalStore> => {
  const directory = await takeDataDirectory(path).catch(inUse)
  try {
    const [{ startEmbeddedDynamodb }, { openEmbeddedTable }] = await Promise.all([
      import('./embedded-dynamodb.ts'),
      import('./dynamodb.ts'),
    ])
    const engine = await startEmbeddedDynamodb(join(path, ENGINE_FILE))
    const { store, client } = await openEmbeddedTable(engine.endpoint, table)
    const { sweepForever } = await import('./ttl-sweeper.ts')
    const closing = new AbortController()
    const sweeping = sweepForever({ client, table, clock, log, signal: closing.signal })
    return {
      store,
      description: `data in ${path}`,
      failed: engine.ended.then(() => 'the embedded DynamoDB engine has ended'),
      close: async () => {
        closing.abort()
        await sweeping
        client.destroy()
        await engine.stop()
        await directory.release()
      },
    }
  } catch (error) {
    await directory.release()
    throw error
  }
}
