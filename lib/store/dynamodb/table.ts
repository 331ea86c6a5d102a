import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { TABLE_SHAPE } from '../keys.ts'

const { partitionKey, sortKey, timeToLive } = TABLE_SHAPE

/** Creates the table when it is missing, waits until it takes requests, and turns its TTL on. */
export const createTable = async (client: DynamoDBClient, table: string): Promise<void> => {
  if (await isActive(client, table)) return
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: partitionKey, KeyType: 'HASH' },
          { AttributeName: sortKey, KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: partitionKey, AttributeType: 'S' },
          { AttributeName: sortKey, AttributeType: 'S' },
        ],
      }),
    )
  } catch (error) {
    // Someone else is creating it right now.
    if ((error as Error).name !== 'ResourceInUseException') throw error
  }
  while (!(await isActive(client, table))) await sleep(250)
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: table,
      TimeToLiveSpecification: { AttributeName: timeToLive, Enabled: true },
    }),
  )
}

const isActive = async (client: DynamoDBClient, table: string): Promise<boolean> => {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }))
    return Table?.TableStatus === 'ACTIVE'
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return false
    throw error
  }
}
