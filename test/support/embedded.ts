import { randomUUID } from 'node:crypto'
import { DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { inject } from 'vitest'
import { createTable } from '../../lib/store/dynamodb/table.ts'
import { TABLE_SHAPE } from '../../lib/store/keys.ts'

export interface EmbeddedTable {
  readonly endpoint: string
  readonly client: DynamoDBClient
  readonly table: string
  close(): void
}

/** Where this run's DynamoDB is: the embedded engine, or what `HOLDFAST_TEST_ENDPOINT` names. Empty when there is none. */
export const embeddedEndpoint = (): string => inject('dynamodbEndpoint')
/** For `describe.skipIf`. */
export const noEmbedded = (): boolean => embeddedEndpoint() === ''

/** Credentials that local engines accept. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' }

export const localClient = (endpoint: string): DynamoDBClient =>
  new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: LOCAL_CREDENTIALS,
    maxAttempts: 3,
    accountIdEndpointMode: 'disabled',
    cacheMiddleware: true,
  })

/** A table of its own on the run's DynamoDB. Close it after use. */
export const embeddedTable = async (): Promise<EmbeddedTable> => {
  const endpoint = embeddedEndpoint()
  if (endpoint === '') throw new Error('there is no embedded engine on this machine')
  const client = localClient(endpoint)
  const table = `holdfast-${randomUUID()}`
  await createTable(client, table)
  // Clocks of tests are far behind that of DynamoDB Local, which would delete every item as expired.
  const TimeToLiveSpecification = { AttributeName: TABLE_SHAPE.timeToLive, Enabled: false }
  await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }))
  return { endpoint, client, table, close: () => client.destroy() }
}
