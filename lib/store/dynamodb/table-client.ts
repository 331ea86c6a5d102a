import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  type BatchExecuteStatementCommandOutput,
  BatchGetItemCommand,
  type ConsumedCapacity,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type { Expression, Statement } from './expressions.ts'
import { fault, isConflict, throttled } from './faults.ts'
import type { Item } from './header-item.ts'

export interface Consumption {
  /** Command that consumed it, e.g. `UpdateItem`. */
  readonly command: string
  /** Read or write units of on-demand capacity. */
  readonly units: number
  readonly kind: 'read' | 'write'
}

/** The requests that the store makes of its table: SDK commands, with every failure translated. */
export interface TableClient {
  readonly table: string
  get(key: Item, consistent: boolean): Promise<Item | undefined>
  /** Items found, in no order. */
  getMany(keys: readonly Item[], consistent: boolean): Promise<Item[]>
  query(query: Omit<QueryCommandInput, 'TableName'>): Promise<{ items: Item[]; more: boolean }>
  put(item: Item, condition?: PutCondition): Promise<ConditionalOutcome>
  update(expression: Expression): Promise<ConditionalOutcome>
  delete(expression: Omit<Expression, 'UpdateExpression'>): Promise<ConditionalOutcome>
  /** Up to 25 statements; outcomes in their order. */
  batch(statements: readonly Statement[]): Promise<BatchOutcome[]>
  transact(items: readonly TransactWriteItem[]): Promise<TransactResult>
  /** Accounts for a condition that failed in a batch, whose response has no capacity for it. */
  lost(command: string): void
}

export interface PutCondition {
  readonly ConditionExpression: string
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>
}

/** `item` is the new image after a success, and what the condition met after a failure. */
export interface ConditionalOutcome {
  readonly held: boolean
  readonly item: Item | undefined
}
export type BatchOutcome = NonNullable<BatchExecuteStatementCommandOutput['Responses']>[number]

export type TransactResult =
  | { readonly applied: true }
  | { readonly applied: false; readonly failures: readonly { readonly position: number; readonly item?: Item }[] }

const MAX_KEYS = 100
const CONFLICT_TRIES = 5
const UNPROCESSED_TRIES = 6
const CONFLICT_PAUSE_MS = 15

export const tableClient = ({
  client,
  table,
  consumed,
}: {
  client: DynamoDBClient
  table: string
  consumed?: (consumption: Consumption) => void
}): TableClient => {
  const capacity = consumed ? { ReturnConsumedCapacity: 'TOTAL' as const } : {}
  const account = (
    command: string,
    kind: 'read' | 'write',
    used: ConsumedCapacity | ConsumedCapacity[] | undefined,
  ) => {
    if (!consumed) return
    const units = [used ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
    consumed({ command, kind, units })
  }

  // Billed like a write of the item that the condition met. The error does not have the number of units.
  const lost = (command: string) => consumed?.({ command: `${command} lost`, kind: 'write', units: 1 })

  /** Sends a request. Retries a conflict with another writer's transaction, and translates other failures. */
  const send = async <T>(request: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request()
      } catch (error) {
        if (!isConflict((error as Error).name) || attempt === CONFLICT_TRIES) throw fault(error, table)
        await pause(attempt)
      }
    }
  }

  const conditional = async (
    command: string,
    request: () => Promise<{ Attributes?: Item | undefined; ConsumedCapacity?: ConsumedCapacity | undefined }>,
  ): Promise<ConditionalOutcome> =>
    send(async () => {
      try {
        const { Attributes, ConsumedCapacity } = await request()
        account(command, 'write', ConsumedCapacity)
        return { held: true, item: Attributes }
      } catch (error) {
        const failure = error as Error & { Item?: Item }
        if (failure.name !== 'ConditionalCheckFailedException') throw error
        lost(command)
        return { held: false, item: failure.Item }
      }
    })

  const getSome = async (keys: readonly Item[], consistent: boolean): Promise<Item[]> => {
    const found: Item[] = []
    let wanted: Item[] = [...keys]
    for (let attempt = 1; wanted.length > 0; attempt++) {
      const output = await send(() =>
        client.send(
          new BatchGetItemCommand({
            RequestItems: { [table]: { Keys: wanted, ConsistentRead: consistent } },
            ...capacity,
          }),
        ),
      )
      account('BatchGetItem', 'read', output.ConsumedCapacity)
      found.push(...(output.Responses?.[table] ?? []))
      const left = output.UnprocessedKeys?.[table]?.Keys ?? []
      // Some keys are left where the response is full, all of them where the table is throttled.
      if (left.length < wanted.length) attempt = 0
      else if (attempt === UNPROCESSED_TRIES) throw throttled('unknown')
      wanted = left
      if (wanted.length > 0) await pause(attempt)
    }
    return found
  }

  return {
    table,
    lost,
    get: async (Key, ConsistentRead) => {
      const output = await send(() =>
        client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead, ...capacity })),
      )
      account('GetItem', 'read', output.ConsumedCapacity)
      return output.Item
    },
    getMany: async (keys, consistent) => {
      // DynamoDB refuses a batch that names a key twice.
      const unique = [...new Map(keys.map((key) => [`${key.pk?.S} ${key.sk?.S}`, key])).values()]
      const parts: Promise<Item[]>[] = []
      for (let start = 0; start < unique.length; start += MAX_KEYS) {
        parts.push(getSome(unique.slice(start, start + MAX_KEYS), consistent))
      }
      return (await Promise.all(parts)).flat()
    },
    query: async (query) => {
      const output = await send(() => client.send(new QueryCommand({ TableName: table, ...query, ...capacity })))
      account('Query', 'read', output.ConsumedCapacity)
      return { items: output.Items ?? [], more: output.LastEvaluatedKey !== undefined }
    },
    put: (Item, condition) =>
      conditional('PutItem', () =>
        client.send(new PutItemCommand({ TableName: table, Item, ...condition, ...capacity })),
      ),
    update: (expression) =>
      conditional('UpdateItem', () =>
        client.send(
          new UpdateItemCommand({
            TableName: table,
            ...expression,
            ReturnValues: 'ALL_NEW',
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            ...capacity,
          }),
        ),
      ),
    delete: (expression) =>
      conditional('DeleteItem', () =>
        client.send(
          new DeleteItemCommand({
            TableName: table,
            ...expression,
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            ...capacity,
          }),
        ),
      ),
    batch: async (statements) => {
      const output = await send(() =>
        client.send(
          new BatchExecuteStatementCommand({
            Statements: statements.map((statement) => ({
              ...statement,
              ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
            })),
            ...capacity,
          }),
        ),
      )
      account('BatchExecuteStatement', 'write', output.ConsumedCapacity)
      return output.Responses ?? []
    },
    transact: async (items) => {
      // One token for all tries, so that one whose answer was lost is not done twice; a cancelled one was not done.
      let token = randomUUID()
      for (let attempt = 1; ; attempt++) {
        try {
          const input = { TransactItems: [...items], ClientRequestToken: token, ...capacity }
          const output = await client.send(new TransactWriteItemsCommand(input))
          account('TransactWriteItems', 'write', output.ConsumedCapacity)
          return { applied: true }
        } catch (error) {
          const { name, CancellationReasons = [] } = error as Error & {
            CancellationReasons?: { Code?: string; Item?: Item }[]
          }
          const failures = CancellationReasons.flatMap(({ Code, Item }, position) =>
            Code === 'ConditionalCheckFailed' ? [{ position, ...(Item && { item: Item }) }] : [],
          )
          if (failures.length > 0) {
            for (const _ of CancellationReasons) lost('TransactWriteItems')
            return { applied: false, failures }
          }
          const reason = CancellationReasons.find(({ Code }) => Code !== undefined && Code !== 'None')?.Code
          const passing = isConflict(name) || isConflict(reason) || name === 'TransactionInProgressException'
          if (!passing || attempt === CONFLICT_TRIES) {
            throw fault(reason === undefined ? error : Object.assign(error as Error, { name: reason }), table)
          }
          if (name === 'TransactionCanceledException') token = randomUUID()
          await pause(attempt)
        }
      }
    },
  }
}

/** Full jitter, so that requests that collided once do not collide again. */
const pause = (attempt: number): Promise<void> => sleep(Math.random() * CONFLICT_PAUSE_MS * 2 ** attempt)
