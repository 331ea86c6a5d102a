import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { type Clock, systemClock } from '../../clock.ts'
import type { TableStore } from '../port.ts'
import { changeOperations } from './changes.ts'
import { documentOperations } from './documents.ts'
import { segmentOperations } from './segments.ts'
import { type Consumption, TableClient } from './table-client.ts'
import { ticketOperations } from './tickets.ts'
import { sharedTable, transactOperation } from './transact.ts'

/** The engine's store on one DynamoDB table. */
export interface DynamodbStoreParts {
  /**
   * Shared and long-lived. Keep-alive on, `maxAttempts` 3 or more: condition failures are not retried by the SDK, and
   * every write here may be sent again.
   */
  readonly client: DynamoDBClient
  readonly table: string
  /** The clock by which documents are past their time, since TTL deletes them late. @default the system's clock */
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
