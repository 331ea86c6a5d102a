import type { DynamoDBClient, DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { dynamodbClient } from '../../lib/store/dynamodb/client.ts'
import type { Consumption } from '../../lib/store/dynamodb/consumption.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { createTable } from '../../lib/store/dynamodb/table.ts'
import type { Store } from '../../lib/store/port.ts'
import { LOCAL_ACCESS } from './stand-in-credentials.ts'
import type { Meter } from './store.ts'

const SIGNATURE = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
  'x-amz-date': '20260101T000000Z',
} as const

/**
 * Options of a client for the engine that this server runs: the engine requires a signature and does not verify it, and a
 * constant one halves the SDK's CPU time for a call.
 */
const UNSIGNED: DynamoDBClientConfig = {
  ...LOCAL_ACCESS,
  signer: async () => ({
    sign: async (request) => {
      Object.assign(request.headers, SIGNATURE)
      return request
    },
  }),
}

/** The SDK's middleware that describes the client in headers: the engine does not read them. */
const INTRODUCTIONS = ['getUserAgentMiddleware', 'recursionDetectionMiddleware']

/** A store on a table of the engine that this server runs itself. */
export const openEmbeddedTable = async (endpoint: string, table: string): ReturnType<typeof openTable> => {
  const opened = await openTable({ table, endpoint, ...UNSIGNED })
  for (const middleware of INTRODUCTIONS) opened.client.middlewareStack.remove(middleware)
  return opened
}

/** A store on a table. Creates the table when it is missing. */
export const openTable = async ({
  table,
  ...config
}: { table: string } & DynamoDBClientConfig): Promise<{ store: Store; client: DynamoDBClient; meter: Meter }> => {
  // The SDK's warning about Node's version is for the developer who chooses the SDK, not for users of this server.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = dynamodbClient(config)
  await createTable(client, table)
  let listener: (consumption: Consumption) => void = () => {}
  const meter: Meter = (consumed) => {
    listener = consumed
  }
  return { store: dynamodbStore({ client, table, consumed: (consumption) => listener(consumption) }), client, meter }
}
