import { openTable } from './dynamodb.ts'
import { standInCredentials } from './stand-in-credentials.ts'
import type { LocalStore } from './store.ts'

/** Opens a table of a DynamoDB that another process runs: DynamoDB Local, another emulator, or AWS. */
export const openRemote = async (endpoint: string, table: string, env: NodeJS.ProcessEnv): Promise<LocalStore> => {
  const { store, client, meter } = await openTable({ table, ...standInCredentials(env) }).catch((cause) => {
    throw new Error(
      `the table ${table} at ${endpoint} can't be used: ${(cause as Error).message} (AWS_ENDPOINT_URL_DYNAMODB names the endpoint; without it the server keeps messages in files)`,
      { cause },
    )
  })
  return {
    store,
    meter,
    description: `table ${table} at ${endpoint}`,
    failed: new Promise(() => {}),
    close: async () => client.destroy(),
  }
}
