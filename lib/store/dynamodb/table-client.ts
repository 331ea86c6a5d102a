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
  /** The command that consumed the capacity, such as `UpdateItem`. */
  readonly command: string
  /** Read or write units of on-demand capacity. */
  readonly units: number
  readonly kind: 'read' | 'write'
}

export interface PutCondition {
  readonly ConditionExpression: string
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>
}

/** The outcome of a conditional write. */
export interface ConditionalOutcome {
  readonly held: boolean
  /** After a success the new item, after a failure the item that the condition met. */
  readonly item: Item | undefined
}
export type BatchOutcome = NonNullable<BatchExecuteStatementCommandOutput['Responses']>[number]

export type TransactResult =
  | { readonly applied: true }
  | { readonly applied: false; readonly failures: readonly { readonly position: number; readonly item?: Item }[] }

export interface TableClientParts {
  readonly client: DynamoDBClient
  readonly table: string
  /** Is called with the capacity that each request consumed. */
  readonly consumed?: (consumption: Consumption) => void
}

const MAX_KEYS = 100
const CONFLICT_TRIES = 5
const UNPROCESSED_TRIES = 6
const CONFLICT_PAUSE_MS = 15
/** Asks for the item that a failed condition met. */
const BEFORE = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const

/** The requests that the store makes of its table: SDK commands, with every failure translated. */
export class TableClient {
  readonly table: string
  readonly #client: DynamoDBClient
  readonly #consumed: TableClientParts['consumed']
  /** Asks for the capacity that a request consumed. */
  readonly #capacity: { readonly ReturnConsumedCapacity?: 'TOTAL' }

  constructor({ client, table, consumed }: TableClientParts) {
    this.table = table
    this.#client = client
    this.#consumed = consumed
    this.#capacity = consumed ? { ReturnConsumedCapacity: 'TOTAL' } : {}
  }

  async get(Key: Item, ConsistentRead: boolean): Promise<Item | undefined> {
    const input = { TableName: this.table, Key, ConsistentRead, ...this.#capacity }
    const output = await this.#send(() => this.#client.send(new GetItemCommand(input)))
    this.#account('GetItem', 'read', output.ConsumedCapacity)
    return output.Item
  }

  /** Reads items by their keys. Returns those that are stored, in no order. */
  async getMany(keys: readonly Item[], consistent: boolean): Promise<Item[]> {
    // DynamoDB refuses a batch that names a key twice.
    const unique = [...new Map(keys.map((key) => [`${key.pk?.S} ${key.sk?.S}`, key])).values()]
    const parts: Promise<Item[]>[] = []
    for (let start = 0; start < unique.length; start += MAX_KEYS) {
      parts.push(this.#getSome(unique.slice(start, start + MAX_KEYS), consistent))
    }
    return (await Promise.all(parts)).flat()
  }

  async query(query: Omit<QueryCommandInput, 'TableName'>): Promise<{ items: Item[]; more: boolean }> {
    const input = { TableName: this.table, ...query, ...this.#capacity }
    const output = await this.#send(() => this.#client.send(new QueryCommand(input)))
    this.#account('Query', 'read', output.ConsumedCapacity)
    return { items: output.Items ?? [], more: output.LastEvaluatedKey !== undefined }
  }

  put(Item: Item, condition?: PutCondition): Promise<ConditionalOutcome> {
    const input = { TableName: this.table, Item, ...condition, ...this.#capacity }
    return this.#conditional('PutItem', () => this.#client.send(new PutItemCommand(input)))
  }

  update(expression: Expression): Promise<ConditionalOutcome> {
    const input = {
      TableName: this.table,
      ...expression,
      ReturnValues: 'ALL_NEW',
      ...BEFORE,
      ...this.#capacity,
    } as const
    return this.#conditional('UpdateItem', () => this.#client.send(new UpdateItemCommand(input)))
  }

  delete(expression: Omit<Expression, 'UpdateExpression'>): Promise<ConditionalOutcome> {
    const input = { TableName: this.table, ...expression, ...BEFORE, ...this.#capacity }
    return this.#conditional('DeleteItem', () => this.#client.send(new DeleteItemCommand(input)))
  }

  /** Sends up to 25 statements. Returns their outcomes, in order. */
  async batch(statements: readonly Statement[]): Promise<BatchOutcome[]> {
    const input = { Statements: statements.map((statement) => ({ ...statement, ...BEFORE })), ...this.#capacity }
    const output = await this.#send(() => this.#client.send(new BatchExecuteStatementCommand(input)))
    this.#account('BatchExecuteStatement', 'write', output.ConsumedCapacity)
    return output.Responses ?? []
  }

  async transact(items: readonly TransactWriteItem[]): Promise<TransactResult> {
    // The token stays the same for all tries, so that a transaction whose answer was lost is not done twice. A cancelled one was not done.
    let token = randomUUID()
    for (let attempt = 1; ; attempt++) {
      try {
        const input = { TransactItems: [...items], ClientRequestToken: token, ...this.#capacity }
        const output = await this.#client.send(new TransactWriteItemsCommand(input))
        this.#account('TransactWriteItems', 'write', output.ConsumedCapacity)
        return { applied: true }
      } catch (error) {
        const { reasons, failures, code } = cancellationOf(error)
        if (failures.length > 0) {
          for (const _ of reasons) this.lost('TransactWriteItems')
          return { applied: false, failures }
        }
        const { name } = error as Error
        const passing = isConflict(name) || isConflict(code) || name === 'TransactionInProgressException'
        if (!passing || attempt === CONFLICT_TRIES) {
          throw fault(code === undefined ? error : Object.assign(error as Error, { name: code }), this.table)
        }
        if (name === 'TransactionCanceledException') token = randomUUID()
        await pause(attempt)
      }
    }
  }

  /**
   * Reports the capacity of a failed condition. DynamoDB bills it like a write of the item that the condition met, and its
   * error does not have the number of units, so this counts one.
   */
  lost(command: string): void {
    this.#consumed?.({ command: `${command} lost`, kind: 'write', units: 1 })
  }

  #account(command: string, kind: 'read' | 'write', used: ConsumedCapacity | ConsumedCapacity[] | undefined): void {
    if (!this.#consumed) return
    const units = [used ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
    this.#consumed({ command, kind, units })
  }

  /** Sends a request. Retries a conflict with another writer's transaction, and translates other failures. */
  async #send<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request()
      } catch (error) {
        if (!isConflict((error as Error).name) || attempt === CONFLICT_TRIES) throw fault(error, this.table)
        await pause(attempt)
      }
    }
  }

  #conditional(
    command: string,
    request: () => Promise<{ Attributes?: Item | undefined; ConsumedCapacity?: ConsumedCapacity | undefined }>,
  ): Promise<ConditionalOutcome> {
    return this.#send(async () => {
      try {
        const { Attributes, ConsumedCapacity } = await request()
        this.#account(command, 'write', ConsumedCapacity)
        return { held: true, item: Attributes }
      } catch (error) {
        const failure = error as Error & { Item?: Item }
        if (failure.name !== 'ConditionalCheckFailedException') throw error
        this.lost(command)
        return { held: false, item: failure.Item }
      }
    })
  }

  /** @param keys at most `MAX_KEYS` */
  async #getSome(keys: readonly Item[], ConsistentRead: boolean): Promise<Item[]> {
    const found: Item[] = []
    let wanted: Item[] = [...keys]
    for (let attempt = 1; wanted.length > 0; attempt++) {
      const input = { RequestItems: { [this.table]: { Keys: wanted, ConsistentRead } }, ...this.#capacity }
      const output = await this.#send(() => this.#client.send(new BatchGetItemCommand(input)))
      this.#account('BatchGetItem', 'read', output.ConsumedCapacity)
      found.push(...(output.Responses?.[this.table] ?? []))
      const left = output.UnprocessedKeys?.[this.table]?.Keys ?? []
      // DynamoDB leaves some keys where the response is full, and all of them where the table is throttled.
      if (left.length < wanted.length) attempt = 0
      else if (attempt === UNPROCESSED_TRIES) throw throttled('unknown')
      wanted = left
      if (wanted.length > 0) await pause(attempt)
    }
    return found
  }
}

interface Reason {
  readonly Code?: string
  readonly Item?: Item
}

/** The reasons of a cancelled transaction: all, those that are failed conditions, and the code of the first one. */
const cancellationOf = (error: unknown) => {
  const { CancellationReasons: reasons = [] } = error as { CancellationReasons?: readonly Reason[] }
  const failures = reasons.flatMap(({ Code, Item }, position) =>
    Code === 'ConditionalCheckFailed' ? [{ position, ...(Item && { item: Item }) }] : [],
  )
  return { reasons, failures, code: reasons.find(({ Code }) => Code !== undefined && Code !== 'None')?.Code }
}

/** Waits for a random time, so that two requests that met a conflict are not sent again at the same moment. */
const pause = (attempt: number): Promise<void> => sleep(Math.random() * CONFLICT_PAUSE_MS * 2 ** attempt)
