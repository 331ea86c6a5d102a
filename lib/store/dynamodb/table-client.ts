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
import { type Consumption, ConsumptionReport } from './consumption.ts'
import type { Expression, Statement } from './expressions.ts'
import { fault, isConflict, isThrottle, perhapsDone, throttled } from './faults.ts'
import type { Item } from './header-item.ts'
import { mayBeDone, watchLostAnswers } from './lost-answers.ts'
import { WAITS_MS } from './patient-changes.ts'
import { cancellationOf, keyOfStatement, keyOfWrite } from './requests.ts'

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
export type BatchOutcome = NonNullable<BatchExecuteStatementCommandOutput['Responses']>[number] & {
  /** Set where an earlier sending of the batch had no answer, so that it may have done what this answer refused. */
  readonly unsure?: boolean
}

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
  readonly #report: ConsumptionReport

  constructor({ client, table, consumed }: TableClientParts) {
    this.table = table
    this.#client = client
    watchLostAnswers(client)
    this.#report = new ConsumptionReport(consumed)
  }

  async get(Key: Item, ConsistentRead: boolean): Promise<Item | undefined> {
    const input = { TableName: this.table, Key, ConsistentRead, ...this.#report.parameter }
    const patient = ConsistentRead
    const output = await this.#send(() => this.#client.send(new GetItemCommand(input)), { patient })
    this.#report.used('GetItem', 'read', output.ConsumedCapacity, [Key])
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
    const input = { TableName: this.table, ...query, ...this.#report.parameter }
    const output = await this.#send(() => this.#client.send(new QueryCommand(input)))
    this.#report.used('Query', 'read', output.ConsumedCapacity, [
      { pk: query.ExpressionAttributeValues?.[':pk'] } as Item,
    ])
    return { items: output.Items ?? [], more: output.LastEvaluatedKey !== undefined }
  }

  put(Item: Item, condition?: PutCondition): Promise<ConditionalOutcome> {
    const input = { TableName: this.table, Item, ...condition, ...this.#report.parameter }
    return this.#conditional('PutItem', Item, input, () => this.#client.send(new PutItemCommand(input)))
  }

  update(expression: Expression): Promise<ConditionalOutcome> {
    const input = {
      TableName: this.table,
      ...expression,
      ReturnValues: 'ALL_NEW',
      ...BEFORE,
      ...this.#report.parameter,
    } as const
    return this.#conditional('UpdateItem', expression.Key, input, () => this.#client.send(new UpdateItemCommand(input)))
  }

  delete(expression: Omit<Expression, 'UpdateExpression'>): Promise<ConditionalOutcome> {
    const input = { TableName: this.table, ...expression, ...BEFORE, ...this.#report.parameter }
    return this.#conditional('DeleteItem', expression.Key, input, () => this.#client.send(new DeleteItemCommand(input)))
  }

  /** Sends up to 25 statements. Returns their outcomes, in order. */
  async batch(statements: readonly Statement[]): Promise<BatchOutcome[]> {
    const input = {
      Statements: statements.map((statement) => ({ ...statement, ...BEFORE })),
      ...this.#report.parameter,
    }
    const output = await this.#send(() => this.#client.send(new BatchExecuteStatementCommand(input)), { write: input })
    this.#report.used('BatchExecuteStatement', 'write', output.ConsumedCapacity, statements.map(keyOfStatement))
    const unsure = mayBeDone(input, output)
    return (output.Responses ?? []).map((outcome) => (unsure ? { ...outcome, unsure } : outcome))
  }

  async transact(items: readonly TransactWriteItem[]): Promise<TransactResult> {
    // DynamoDB does a transaction once, however often it is sent under its token. A new token follows only when every sending was cancelled.
    let input = this.#transaction(items)
    let unsure = false
    for (let attempt = 1; ; attempt++) {
      try {
        const output = await this.#client.send(new TransactWriteItemsCommand(input))
        this.#report.used('TransactWriteItems', 'write', output.ConsumedCapacity, items.map(keyOfWrite))
        return { applied: true }
      } catch (error) {
        const { reasons, failures, code } = cancellationOf(error)
        if (failures.length > 0) {
          this.#report.lost('TransactWriteItems', items.map(keyOfWrite), reasons.length)
          return { applied: false, failures }
        }
        const { name } = error as Error
        const why = code ?? name
        const isInProgress = why === 'TransactionInProgressException'
        unsure ||= isInProgress || mayBeDone(input, error)
        const passing = isInProgress || isConflict(why) || (unsure && isThrottle(why))
        if (!passing || attempt === CONFLICT_TRIES) {
          if (passing && unsure) throw perhapsDone(error)
          throw fault(code === undefined ? error : Object.assign(error as Error, { name: code }), this.table)
        }
        if (name === 'TransactionCanceledException' && !unsure) input = this.#transaction(items)
        await pause(attempt)
      }
    }
  }

  #transaction(items: readonly TransactWriteItem[]) {
    return { TransactItems: [...items], ClientRequestToken: randomUUID(), ...this.#report.parameter }
  }

  /** Accounts for a condition that failed in a batch. */
  lost(command: string, key: Item): void {
    this.#report.lost(command, [key])
  }

  /**
   * Sends a request. Retries a conflict with another writer's transaction, and translates other failures. A write that was throttled after a
   * sending without an answer is sent again for a while: each write is safe to repeat, and only a repeat shows whether it was done.
   *
   * @param write the input of a write
   * @param patient whether a request that was throttled is sent again for a while. Nothing else can take the place of a consistent read, as of
   * a queue's record: without it an operation fails, although its own partition may have capacity.
   */
  async #send<T>(
    request: () => Promise<T>,
    { write, patient = false }: { readonly write?: object; readonly patient?: boolean } = {},
  ): Promise<T> {
    const waitsMs = WAITS_MS.values()
    for (let attempt = 1; ; attempt++) {
      try {
        return await request()
      } catch (error) {
        const { name } = error as Error
        const unsure = write !== undefined && isThrottle(name) && mayBeDone(write, error)
        const waitMs = unsure || (patient && isThrottle(name)) ? waitsMs.next().value : undefined
        if (waitMs !== undefined) await sleep(waitMs * (0.5 + Math.random() / 2))
        else if (unsure) throw perhapsDone(error)
        else if (isConflict(name) && attempt < CONFLICT_TRIES) await pause(attempt)
        else throw fault(error, this.table)
      }
    }
  }

  #conditional(
    command: string,
    key: Item,
    write: object,
    request: () => Promise<{ Attributes?: Item | undefined; ConsumedCapacity?: ConsumedCapacity | undefined }>,
  ): Promise<ConditionalOutcome> {
    return this.#send(
      async () => {
        try {
          const { Attributes, ConsumedCapacity } = await request()
          this.#report.used(command, 'write', ConsumedCapacity, [key])
          return { held: true, item: Attributes }
        } catch (error) {
          const failure = error as Error & { Item?: Item }
          if (failure.name !== 'ConditionalCheckFailedException') throw error
          this.#report.lost(command, [key])
          return { held: false, item: failure.Item }
        }
      },
      { write },
    )
  }

  /** @param keys at most `MAX_KEYS` */
  async #getSome(keys: readonly Item[], ConsistentRead: boolean): Promise<Item[]> {
    const found: Item[] = []
    let wanted: Item[] = [...keys]
    for (let attempt = 1; wanted.length > 0; attempt++) {
      const input = { RequestItems: { [this.table]: { Keys: wanted, ConsistentRead } }, ...this.#report.parameter }
      const output = await this.#send(() => this.#client.send(new BatchGetItemCommand(input)))
      this.#report.used('BatchGetItem', 'read', output.ConsumedCapacity, wanted)
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

/** Waits for a random time, so that two requests that met a conflict are not sent again at the same moment. */
const pause = (attempt: number): Promise<void> => sleep(Math.random() * CONFLICT_PAUSE_MS * 2 ** attempt)
