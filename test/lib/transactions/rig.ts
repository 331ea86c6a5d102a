import { randomUUID } from 'node:crypto'
import {
  CreateTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type TransactWriteItemsCommandInput,
} from '@aws-sdk/client-dynamodb'
import { type Client, createClient } from '../../../lib/client.ts'
import { createEngine, type Engine } from '../../../lib/engine.ts'
import type { EngineEvent } from '../../../lib/model/engine-event.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { embeddedTable } from '../../support/embedded.ts'
import { hastyClock } from '../../support/manual-clock.ts'

/** What becomes of one sending of a transaction. */
export type Sending =
  | 'done'
  /** Done, and the answer is lost. */
  | 'unanswered'
  /** Neither done nor answered: the connection breaks. */
  | 'broken'
  /** The client sends it twice: the first sending is on its way, the second is answered. */
  | 'resent'
  /** Canceled, since another writer was at the first item. */
  | 'conflict'
  | 'throttled'

export interface Rig {
  readonly client: Client
  readonly engine: Engine
  readonly events: EngineEvent[]
  readonly clock: ReturnType<typeof hastyClock>
  readonly dynamodb: DynamoDBClient
  /** Holdfast's. */
  readonly table: string
  /** The caller's own table, with the key `id`. */
  readonly accounts: string
  /** What was sent, in order. */
  readonly sent: TransactWriteItemsCommandInput[]
  /** Write units of the transactions that were sent through `through`, in order. */
  readonly units: number[]
  /** A client through which the sendings of transactions meet these fates, and the rest are done; `before` runs first. */
  through(fates?: readonly Sending[], before?: (sending: number) => Promise<unknown>): DynamoDBClient
  /** Sends a transaction that was sent before once more, as a network does that delivers late. */
  deliver(sending: number): Promise<'done' | string>
  put(id: string, balance: number): Promise<void>
  balance(id: string): Promise<number | undefined>
  close(): void
}

/** A client on a table of the run's DynamoDB beside a table of the caller's own, by a clock that moves on as it is slept on. */
export const openRig = async (): Promise<Rig> => {
  const clock = hastyClock()
  const table = await embeddedTable()
  const dynamodb = table.client
  const accounts = `accounts-${randomUUID()}`
  await dynamodb.send(
    new CreateTableCommand({
      TableName: accounts,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  )
  const events: EngineEvent[] = []
  const store = dynamodbStore({ ...table, clock })
  const engine = createEngine({ store, clock, observe: (event) => events.push(event) })
  const client = createClient({ engine })
  const sent: TransactWriteItemsCommandInput[] = []
  const units: number[] = []
  return {
    client,
    engine,
    events,
    clock,
    dynamodb,
    table: table.table,
    accounts,
    sent,
    units,
    through: (fates = [], before = async () => {}) => {
      let sendings = 0
      const send = async (command: unknown): Promise<unknown> => {
        if (!(command instanceof TransactWriteItemsCommand)) return dynamodb.send(command as never)
        const sending = sendings++
        await before(sending)
        sent.push(command.input)
        const fate = fates[sending] ?? 'done'
        if (fate === 'broken') throw brokenConnection()
        if (fate === 'resent')
          return dynamodb.send(new TransactWriteItemsCommand({ ...command.input })).catch(sentTwice)
        if (fate === 'conflict') throw canceled(command.input.TransactItems, 'TransactionConflict')
        if (fate === 'throttled') throw canceled(command.input.TransactItems, 'ThrottlingError')
        const counted = { ...command.input, ReturnConsumedCapacity: 'TOTAL' as const }
        const answer = await dynamodb.send(new TransactWriteItemsCommand(counted))
        units.push((answer.ConsumedCapacity ?? []).reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0))
        if (fate === 'unanswered') throw brokenConnection()
        return answer
      }
      return Object.assign(Object.create(dynamodb) as DynamoDBClient, { send })
    },
    deliver: async (sending) => {
      try {
        await dynamodb.send(new TransactWriteItemsCommand(sent[sending] as TransactWriteItemsCommandInput))
        return 'done'
      } catch (error) {
        return (error as Error).name
      }
    },
    put: async (id, balance) => {
      const Item = { id: { S: id }, balance: { N: String(balance) } }
      await dynamodb.send(new PutItemCommand({ TableName: accounts, Item }))
    },
    balance: async (id) => {
      const { Item } = await dynamodb.send(
        new GetItemCommand({ TableName: accounts, Key: { id: { S: id } }, ConsistentRead: true }),
      )
      return Item && Number(Item.balance?.N)
    },
    close: () => table.close(),
  }
}

const brokenConnection = (): Error => Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })

const sentTwice = (error: unknown): never => {
  throw Object.assign(error as Error, { $metadata: { ...(error as { $metadata?: object }).$metadata, attempts: 2 } })
}

const canceled = (items: readonly TransactWriteItem[] = [], code: string): Error =>
  Object.assign(new Error('Transaction cancelled'), {
    name: 'TransactionCanceledException',
    $fault: 'client',
    $metadata: { httpStatusCode: 400, attempts: 1 },
    CancellationReasons: items.map((_, index) => ({ Code: index === 0 ? code : 'None' })),
  })
