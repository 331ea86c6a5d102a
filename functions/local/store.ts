import { join, resolve } from 'node:path'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { Store } from '../../lib/store/port.ts'
import type { Log } from '../runtime/log.ts'
import { DataDirectoryInUse, takeDataDirectory } from '../../lib/store/keyed/disk/data-directory.ts'
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

/** Memory, the DynamoDB that the environment names, or the embedded one. */
export const openStore = async (options: LocalOptions, env: NodeJS.ProcessEnv, log: Log): Promise<LocalStore> => {
  if (options.memory) return memory()
  const table = env.HOLDFAST_TABLE || DEFAULT_TABLE
  const endpoint = env.AWS_ENDPOINT_URL_DYNAMODB
  return endpoint ? remote(endpoint, table) : embedded(resolve(options.data), table, log)
}

const memory = async (): Promise<LocalStore> => {
  const { memoryStore } = await import('../../lib/store/keyed/memory-store.ts')
  return { store: memoryStore(), description: 'in memory', failed: never, close: async () => {} }
}

const remote = async (endpoint: string, table: string): Promise<LocalStore> => {
  const { openTable, standInCredentials } = await import('./dynamodb.ts')
  const { store, client } = await openTable({ table, ...(await standInCredentials(process.env)) }).catch((cause) => {
    throw new Error(`the table ${table} at ${endpoint} can't be used: ${(cause as Error).message}`, { cause })
  })
  return { store, description: `table ${table} at ${endpoint}`, failed: never, close: async () => client.destroy() }
}

const embedded = async (path: string, table: string, log: Log, clock: Clock = systemClock): Promise<LocalStore> => {
  const directory = await takeDataDirectory(path).catch((error) => {
    if (!(error instanceof DataDirectoryInUse)) throw error
    throw new Error(`${error.message}: stop it, or choose another directory with --data`, { cause: error })
  })
  try {
    const [{ startEmbeddedDynamodb }, { openEmbeddedTable }] = await Promise.all([
      import('./embedded-dynamodb.ts'),
      import('./dynamodb.ts'),
    ])
    const engine = await startEmbeddedDynamodb(join(path, 'dynamodb.sqlite'))
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
