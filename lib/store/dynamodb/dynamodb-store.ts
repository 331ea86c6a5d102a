import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../../clock.ts'
import type { TableStore } from '../port.ts'
import { changeOperations } from './changes.ts'
import type { Consumption } from './consumption.ts'
import { documentOperations } from './documents.ts'
import { segmentOperations } from './segments.ts'
import { TableClient } from './table-client.ts'
import { ticketOperations } from './tickets.ts'
import { sharedTable, transactOperation } from './transact.ts'

/** Parts of the engine's store on one DynamoDB table. */
export interface DynamodbStoreParts {
  /**
   * A long-lived client, which other code may share, with keep-alive and with `maxAttempts` of 3 or more. Every write is safe
   * to send again, and the SDK does not retry a failed condition.
   */
  readonly client: DynamoDBClient
  readonly table: string
  /** The clock by which documents expire: TTL deletes them later. @default the system's clock */
  readonly clock?: Clock
  /** Is called with the capacity that each request consumed. DynamoDB reports it at no cost. */
  readonly consumed?: (consumption: Consumption) => void
}

export const dynamodbStore = (parts: DynamodbStoreParts): TableStore => {
  const { clock = systemClock } = parts
  const table = new TableClient(parts)
  return {
    ...segmentOperations(table, clock),
    ...changeOperations(table, clock),
    ...documentOperations(table, clock),
    ...ticketOperations(table),
    ...transactOperation(table, clock),
    table: sharedTable(table, parts.client, clock),
  }
}
