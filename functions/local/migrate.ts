import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { storedItems } from '../../lib/store/dynamodb/stored-items.ts'
import { takeDataDirectory } from '../../lib/store/keyed/disk/data-directory.ts'
import { diskStore } from '../../lib/store/keyed/disk/disk-store.ts'
import { openEmbeddedTable } from './dynamodb.ts'
import { startEmbeddedDynamodb } from './embedded-dynamodb.ts'
import { ENGINE_FILE } from './embedded-store.ts'

export interface MigrationParts {
  /** The data directory, which holds the engine's file. */
  readonly path: string
  readonly table: string
  /** The directory to create. */
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * Copies a table of the embedded engine to a store on disk, with leases, receipt handles, receive counts and due times.
 * The engine's file does not change. The directory appears once it is complete, so an interrupted migration starts again.
 * Returns the number of items.
 */
export const migrate = async ({ path, table, directory, env }: MigrationParts): Promise<number> => {
  const incoming = `${directory}.incoming`
  const taken = await takeDataDirectory(path)
  try {
    await rm(incoming, { recursive: true, force: true })
    const engine = await startEmbeddedDynamodb(join(path, ENGINE_FILE), env)
    try {
      const count = await copied(engine.endpoint, table, incoming)
      await rename(incoming, directory)
      return count
    } finally {
      await engine.stop()
    }
  } finally {
    await taken.release()
  }
}

const copied = async (endpoint: string, table: string, directory: string): Promise<number> => {
  const { client } = await openEmbeddedTable(endpoint, table)
  const store = await diskStore({ directory })
  try {
    let count = 0
    for await (const items of storedItems({ client, table, now: Date.now() })) {
      await store.load(items)
      count += items.length
    }
    return count
  } finally {
    await store.close()
    client.destroy()
  }
}
