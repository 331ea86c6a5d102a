import { type AttributeValue, DeleteItemCommand, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import type { Clock } from '../../lib/clock.ts'
import { TABLE_SHAPE } from '../../lib/store/keys.ts'
import type { Log } from '../runtime/log.ts'

export interface SweeperParts {
  readonly client: DynamoDBClient
  readonly table: string
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

const BETWEEN_PASSES_MS = 60_000
/** Small pages, with pauses between them, so that a user's request waits for at most one page. */
const PAGE_ITEMS = 250
const BETWEEN_PAGES_MS = 100

/** Deletes expired items until `signal` aborts, as DynamoDB's TTL does. The embedded engine has no TTL. */
export const sweepForever = async (parts: SweeperParts): Promise<void> => {
  const { clock, log, signal } = parts
  while (!signal.aborted) {
    await clock.sleep(BETWEEN_PASSES_MS, signal)
    try {
      if (!signal.aborted) await sweep(parts)
    } catch (error) {
      if (!signal.aborted) log.warn('expired items could not be deleted; the server tries again in a minute', { error })
    }
  }
}

/** Goes through the table once and deletes the expired items. Returns their number. */
export const sweep = async ({ client, table, clock, signal }: SweeperParts): Promise<number> => {
  const { partitionKey, sortKey, timeToLive } = TABLE_SHAPE
  const names = { '#pk': partitionKey, '#sk': sortKey, '#x': timeToLive }
  let deleted = 0
  let start: Record<string, AttributeValue> | undefined
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: table,
        Limit: PAGE_ITEMS,
        FilterExpression: '#x < :now',
        ProjectionExpression: '#pk, #sk, #x',
        ExpressionAttributeNames: names,
        // TTL counts in seconds.
        ExpressionAttributeValues: { ':now': { N: String(Math.floor(clock.now() / 1_000)) } },
        ...(start && { ExclusiveStartKey: start }),
      }),
    )
    for (const item of page.Items ?? []) deleted += (await deleteUnchanged(client, table, item)) ? 1 : 0
    start = page.LastEvaluatedKey
    if (start) await clock.sleep(BETWEEN_PAGES_MS, signal)
  } while (start && !signal.aborted)
  return deleted
}

/** Deletes an item unless its expiry has changed since the page was read. */
const deleteUnchanged = async (
  client: DynamoDBClient,
  table: string,
  item: Record<string, AttributeValue>,
): Promise<boolean> => {
  const { partitionKey, sortKey, timeToLive } = TABLE_SHAPE
  const { [partitionKey]: pk, [sortKey]: sk, [timeToLive]: x } = item
  if (!pk || !sk || !x) return false
  try {
    await client.send(
      new DeleteItemCommand({
        TableName: table,
        Key: { [partitionKey]: pk, [sortKey]: sk },
        ConditionExpression: '#x = :x',
        ExpressionAttributeNames: { '#x': timeToLive },
        ExpressionAttributeValues: { ':x': x },
      }),
    )
    return true
  } catch (error) {
    if ((error as Error).name === 'ConditionalCheckFailedException') return false
    throw error
  }
}
