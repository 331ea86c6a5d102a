import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { HoldfastError } from '../../model/errors.ts'
import { canceledActions, dynamodbCommits } from '../../store/dynamodb/joint-commits.ts'
import { type SharedTable, type Store, sharedTableOf } from '../../store/port.ts'
import { storeCommits } from '../../transactions/store-commits.ts'
import type { JointDatabase } from '../transaction.ts'

/** How a client's store commits: on a table with the caller's own entries, elsewhere without. */
export const jointDatabase = (store: Store): JointDatabase<TransactWriteItem, DynamoDBClient> => {
  const table = sharedTableOf(store)
  return table ? onTable(table) : alone(store)
}

const onTable = (table: SharedTable): JointDatabase<TransactWriteItem, DynamoDBClient> => ({
  commits: (dynamodb, entries) => dynamodbCommits(table, entries, dynamodb),
  items: async (writes) => {
    const { actions, storeContent } = table.actions(writes)
    await storeContent()
    return [...actions] as TransactWriteItem[]
  },
  canceledActions: (error, writes) => canceledActions(error, writes) ?? [],
})

const alone = (store: Store): JointDatabase<TransactWriteItem, DynamoDBClient> => ({
  commits: (dynamodb, entries) => {
    if (dynamodb !== undefined || entries.length > 0) throw refusal()
    return storeCommits(store)
  },
  items: async () => {
    throw refusal()
  },
  canceledActions: () => [],
})

const refusal = () =>
  new HoldfastError('NotSupported', 'entries of your own need the table: this store takes acks and publishes alone')
