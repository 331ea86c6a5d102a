import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type TimeToLiveDescription,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { TABLE_SHAPE } from '../keys.ts'

const { partitionKey, sortKey, timeToLive } = TABLE_SHAPE

export interface CreateTableOptions {
  /**
   * Called with a sentence where the table's TTL is off and could not be turned on. The table works without TTL, and keeps
   * expired items for good. @default emits a warning of the Node process
   */
  readonly warn?: (message: string) => void
}

/**
 * Creates the table when it is missing, and waits until it accepts requests. Turns on the TTL of a table that has none, such
 * as one restored from a backup. Any number of processes may call this at the same time.
 */
export const createTable = async (
  client: DynamoDBClient,
  table: string,
  { warn = (message) => process.emitWarning(message, 'HoldfastWarning') }: CreateTableOptions = {},
): Promise<void> => {
  if (!(await isActive(client, table))) {
    await createIfMissing(client, table)
    while (!(await isActive(client, table))) await sleep(250)
  }
  const problem = await turnTimeToLiveOn(client, table)
  if (problem) warn(`DynamoDB will not delete expired items of the table ${table}: ${problem}`)
}

const createIfMissing = async (client: DynamoDBClient, TableName: string): Promise<void> => {
  try {
    await client.send(
      new CreateTableCommand({
        TableName,
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
    // Another process is creating it right now.
    if ((error as Error).name !== 'ResourceInUseException') throw error
  }
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

/** Turns the TTL on, unless it is on. Returns the reason where it could not be turned on. */
export const turnTimeToLiveOn = async (client: DynamoDBClient, table: string): Promise<string | undefined> => {
  try {
    const before = await timeToLiveOf(client, table)
    if (isOn(before)) return otherAttribute(before)
    try {
      const TimeToLiveSpecification = { AttributeName: timeToLive, Enabled: true }
      await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }))
    } catch (error) {
      // DynamoDB accepts one change an hour, so it also refuses this one where another process has turned the TTL on.
      const now = await timeToLiveOf(client, table)
      return isOn(now) ? otherAttribute(now) : `its TTL could not be turned on: ${(error as Error).message}`
    }
    return undefined
  } catch (error) {
    if ((error as Error).name !== 'AccessDeniedException') throw error
    return `whether its TTL is on is not known, because this process lacks the right dynamodb:DescribeTimeToLive: ${(error as Error).message}`
  }
}

/**
 * Checks the TTL. Returns undefined where it is on for the attribute that the store uses, an empty object where it is off,
 * and otherwise the attribute that it is on for.
 */
export const timeToLiveProblem = async (
  client: DynamoDBClient,
  table: string,
): Promise<{ readonly otherAttribute?: string } | undefined> => {
  const found = await timeToLiveOf(client, table)
  if (!isOn(found)) return {}
  return found?.AttributeName === timeToLive ? undefined : { otherAttribute: found?.AttributeName ?? '?' }
}

const timeToLiveOf = async (client: DynamoDBClient, TableName: string): Promise<TimeToLiveDescription | undefined> =>
  (await client.send(new DescribeTimeToLiveCommand({ TableName }))).TimeToLiveDescription

const isOn = (found: TimeToLiveDescription | undefined): boolean =>
  found?.TimeToLiveStatus === 'ENABLED' || found?.TimeToLiveStatus === 'ENABLING'

const otherAttribute = (found: TimeToLiveDescription | undefined): string | undefined =>
  found?.AttributeName === timeToLive
    ? undefined
    : `its TTL is on for the attribute ${found?.AttributeName} instead of ${timeToLive}`
