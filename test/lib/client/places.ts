import { createApp } from '../../../functions/http/app.ts'
import { decodedPath } from '../../../functions/http/plain-path.ts'
import { allOperations } from '../../../functions/operations/all.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import { type Client, createClient } from '../../../lib/client.ts'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { embeddedTable } from '../../support/embedded.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'

/** A client under test, with the engine behind it, whose clock the test moves. */
export interface Place {
  readonly client: Client
  readonly engine: Engine
  readonly clock: ManualClock
  close(): Promise<void>
}

type Options = Pick<Parameters<typeof createClient>[0], 'onInvalid' | 'lingerMs'>

const inMemory = async (options: Options): Promise<Place> => {
  const clock = manualClock()
  const engine = createEngine({ store: memoryStore({ clock }), clock })
  const client = createClient({ engine, ...options })
  return { client, engine, clock, close: () => client.close() }
}

/** Straight on a table of the embedded DynamoDB, by a clock that the test moves. */
const onTable = async (options: Options): Promise<Place> => {
  const clock = manualClock()
  const table = await embeddedTable()
  const engine = createEngine({ store: dynamodbStore({ ...table, clock }), clock })
  const client = createClient({ engine, ...options })
  return {
    client,
    engine,
    clock,
    close: async () => {
      await client.close()
      table.close()
    },
  }
}

/** The very app that Lambda and the local server run, without a socket between. */
export const appFetch = (engine: Engine): typeof fetch => {
  const app = createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })
  return async (input, init) =>
    app.fetch(new Request(input as URL, init), { path: decodedPath(new URL(input as URL).pathname) })
}

const overHttp = async (options: Options): Promise<Place> => {
  const clock = manualClock()
  const engine = createEngine({ store: memoryStore({ clock }), clock })
  const client = createClient({ url: 'http://127.0.0.1:9324/base', fetch: withBase(appFetch(engine)), ...options })
  return { client, engine, clock, close: () => client.close() }
}

/** Takes the base path off, as API Gateway's mapping does. */
const withBase =
  (fetch: typeof globalThis.fetch): typeof globalThis.fetch =>
  (input, init) => {
    const url = new URL(input as URL)
    if (!url.pathname.startsWith('/base/')) throw new Error(`the base path is missing: ${url.pathname}`)
    url.pathname = url.pathname.slice('/base'.length)
    return fetch(url, init)
  }

export const PLACES: readonly (readonly [string, (options: Options) => Promise<Place>])[] = [
  ['in this process', inMemory],
  ['on a table', onTable],
  ['through the HTTP API', overHttp],
]
