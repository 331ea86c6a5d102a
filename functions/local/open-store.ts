import { resolve } from 'node:path'
import type { Log } from '../runtime/log.ts'
import type { LocalOptions } from './options.ts'
import { startReclaiming } from './reclaim-worker.ts'
import type { LocalStore } from './store.ts'

const DEFAULT_TABLE = 'holdfast'
const DEFAULT_DATA = '.holdfast'

/**
 * Opens the store that the options choose: memory, files in the data directory, the embedded DynamoDB engine, or the
 * DynamoDB that the environment names. Options take precedence over the environment.
 */
export const openStore = async (options: LocalOptions, env: NodeJS.ProcessEnv, log: Log): Promise<LocalStore> => {
  const { memory, data, engine, sync, migrate: migrates } = options
  const table = env.HOLDFAST_TABLE || DEFAULT_TABLE
  const endpoint = env.AWS_ENDPOINT_URL_DYNAMODB
  if (memory || engine === 'memory') return openMemory(log)
  if (endpoint && data === undefined && engine === undefined && !migrates) {
    const { openRemote } = await import('./remote-store.ts')
    return openRemote(endpoint, table, env)
  }
  const path = resolve(data ?? DEFAULT_DATA)
  if (engine === 'dynamodb') {
    const { openEmbedded } = await import('./embedded-store.ts')
    return openEmbedded({ path, table, env, log })
  }
  const { openDisk } = await import('./disk-store.ts')
  return openDisk({ path, table, sync, migrates, env, log })
}

const openMemory = async (log: Log): Promise<LocalStore> => {
  const { memoryStore } = await import('../../lib/store/keyed/memory-store.ts')
  const store = memoryStore()
  const reclaiming = startReclaiming(store, log)
  return { store, description: 'in memory', failed: new Promise(() => {}), close: reclaiming.stop }
}
