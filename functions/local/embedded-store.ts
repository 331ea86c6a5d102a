import { join } from 'node:path'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { type DataDirectory, DataDirectoryInUse, takeDataDirectory } from '../../lib/store/keyed/disk/data-directory.ts'
import type { Log } from '../runtime/log.ts'
import { openEmbeddedTable } from './dynamodb.ts'
import { startEmbeddedDynamodb } from './embedded-dynamodb.ts'
import { restrictToOwner } from './private-files.ts'
import type { LocalStore } from './store.ts'
import { sweepForever } from './ttl-sweeper.ts'
import { UsageError } from './usage-error.ts'

export interface EmbeddedStoreParts {
  /** The data directory. */
  readonly path: string
  readonly table: string
  readonly env: NodeJS.ProcessEnv
  readonly log: Log
  readonly clock?: Clock
}

export const ENGINE_FILE = 'dynamodb.sqlite'

/** Whether a file in the data directory is Holdfast's: the lock, the socket of the lock's holder, and the engine's files. */
const isOwn = (name: string): boolean => /^(lock(\.|$)|holdfast-\w+\.sock$)/.test(name) || name.startsWith(ENGINE_FILE)

/** Opens a table of the embedded DynamoDB engine, which keeps its data in a file of the data directory. */
export const openEmbedded = async (parts: EmbeddedStoreParts): Promise<LocalStore> => {
  const directory = await takeDataDirectory(parts.path).catch((error) => {
    throw new UsageError(`${reasonOf(error, parts.path)} choose another directory with --data`, { cause: error })
  })
  try {
    return await openIn(directory, parts)
  } catch (error) {
    await directory.release()
    throw error
  }
}

const reasonOf = (error: Error, path: string): string =>
  error instanceof DataDirectoryInUse ? `${error.message}: stop it, or` : `${path} can't hold data (${error.message}):`

const openIn = async (
  directory: DataDirectory,
  { path, table, env, log, clock = systemClock }: EmbeddedStoreParts,
): Promise<LocalStore> => {
  const stillOpen = await restrictToOwner(path, isOwn)
  if (stillOpen.length > 0) log.warn('other users of this machine can read the data', { paths: stillOpen })
  const engine = await startEmbeddedDynamodb(join(path, ENGINE_FILE), env)
  const { store, client, meter } = await openEmbeddedTable(engine.endpoint, table)
  const closing = new AbortController()
  const sweeping = sweepForever({ client, table, clock, log, signal: closing.signal })
  return {
    store,
    meter,
    description: `data in ${path}`,
    directory: path,
    warning: openPort(engine.endpoint),
    failed: engine.ended.then(() => 'the embedded DynamoDB engine has ended'),
    close: async () => {
      closing.abort()
      await sweeping
      client.destroy()
      await engine.stop()
      await directory.release()
    },
  }
}

const openPort = (endpoint: string): string =>
  [
    `the embedded DynamoDB engine listens on ${endpoint} without authentication, and answers web pages of`,
    '  any site: a page in a browser on this machine can read and change all messages. Open no pages that you do not trust',
    '  while it runs. Without --engine dynamodb there is no second port.',
  ].join('\n')
