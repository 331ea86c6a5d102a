import { resolve } from 'node:path'
import type { Log } from '../runtime/log.ts'
import type { LocalOptions } from './options.ts'
import type { LocalStore } from './store.ts'

const DEFAULT_TABLE = 'holdfast'
const DEFAULT_DATA = '.holdfast'

/**
 * Chooses where messages are kept: memory, the data directory, or the DynamoDB that the environment names. What the
 * command line says goes before the environment.
 */
export const openStore = async (options: LocalOptions, env: NodeJS.ProcessEnv, log: Log): Promise<LocalStore> => {
  const { memory, data } = options
  const table = env.HOLDFAST_TABLE || DEFAULT_TABLE
  const endpoint = env.AWS_ENDPOINT_URL_DYNAMODB
  if (memory) return openMemory()
  if (endpoint && data === undefined) {
    const { openRemote } = await import('./remote-store.ts')
    return openRemote(endpoint, table, env)
  }
  const { openEmbedded } = await import('./embedded-store.ts')
  return openEmbedded({ path: resolve(data ?? DEFAULT_DATA), table, env, log })
}

const openMemory = async (): Promise<LocalStore> => {
  const { memoryStore } = await import('../../lib/store/keyed/memory-store.ts')
  return { store: memoryStore(), description: 'in memory', failed: new Promise(() => {}), close: async () => {} }
}
