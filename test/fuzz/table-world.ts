import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock } from '../../lib/clock.ts'
import { createEngine, type Engine } from '../../lib/engine.ts'
import { encodeSnapshot } from '../../lib/hints/in-flight-snapshot.ts'
import { browse } from '../../lib/messages/browse.ts'
import type { Observer } from '../../lib/model/engine-event.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { startRedrive } from '../../lib/redrive/redrive.ts'
import { ack } from '../../lib/settle/ack.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import type { Item } from '../../lib/store/dynamodb/header-item.ts'
import { snapshotKey } from '../../lib/store/keys.ts'
import { setTrigger } from '../../lib/triggers/trigger.ts'
import { hastyClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'

/** The items of a table, and which of them the engine has deleted. */
interface Table {
  readonly items: Map<string, Item>
  readonly deleted: string[]
  /** Items that refuse the next transaction, whatever its conditions are. */
  readonly refused: Set<string>
}

interface ProcessParts {
  readonly clock?: Clock
  readonly observe?: Observer
}

export interface TableWorld extends Table {
  /** Ids of messages of the queue `orders`, two of which are gone. */
  readonly ids: readonly string[]
  /** A process on the table, which knows nothing yet. */
  process(parts?: ProcessParts): Engine
}

/** A table with queues of both kinds and their messages, in small segments and large ones, with groups and without. */
export const tableWorld = async (): Promise<TableWorld> => {
  filled ??= filledTable()
  const { items, ids } = await filled
  const table: Table = { items: new Map(items), deleted: [], refused: new Set() }
  return { ...table, ids, process: (parts) => engineOn(table, parts) }
}

/** It is the same each time, and takes longer to make than to copy: nobody changes an item, each change puts another. */
let filled: Promise<{ readonly items: ReadonlyMap<string, Item>; readonly ids: readonly string[] }> | undefined

const engineOn = (table: Table, { clock = hastyClock(), observe = () => {} }: ProcessParts = {}): Engine =>
  createEngine({
    store: dynamodbStore({ client: tableClient(table), table: 'queues', clock }),
    clock,
    random: seededRandom(1),
    observe,
  })

const filledTable = async () => {
  const table: Table = { items: new Map(), deleted: [], refused: new Set() }
  const engine = engineOn(table)
  await createQueue(engine, 'dead', {})
  await createQueue(engine, 'orders', {
    settings: { deadLetter: { queue: 'dead', maxReceives: 2 }, results: { retentionSeconds: 60 } },
  })
  await createQueue(engine, 'orders.fifo', { settings: { fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: true } } })
  const attributes = { a: { dataType: 'String', value: 'x' }, b: { dataType: 'Binary', value: Uint8Array.of(1, 2) } }
  await publish(engine, 'orders', [{ body: 'first', attributes }, { body: { order: 1 } }])
  await publish(engine, 'orders', [{ body: 'second' }])
  await publish(engine, 'orders', [{ body: seededRandom(3).bytes(1_500) }])
  await publish(engine, 'orders', [{ body: 'fair', groupId: 'g' }])
  await publish(engine, 'orders.fifo', [{ body: 'one', groupId: 'g', traceHeader: 'Root=1' }])
  await publish(engine, 'orders.fifo', [{ body: 'two', groupId: 'g' }])
  await publish(engine, 'orders.fifo', [{ body: 'other', groupId: 'h' }])
  await leaveDocuments(engine)
  const { messages } = await browse(engine, 'orders', { limit: 25 })
  ackFirstSegment(table)
  return { items: table.items, ids: messages.map(({ messageId }) => messageId) }
}

const GONE: AttributeValue = { B: new Uint8Array(0) }

/** As the acks of its two messages leave it: the table itself does not follow them. */
const ackFirstSegment = ({ items }: Table): void => {
  const [name = ''] = [...items.keys()].filter((one) => one.startsWith('s#orders#')).sort()
  items.set(name, { ...items.get(name), A: GONE, B: GONE, g: { N: '2' } })
}

export const ATTEMPT = 'attempt'
export const IDEMPOTENT = { idempotencyKey: 'key' }
export const REPEATED = [{ body: 'idempotent' }]

/** One of each kind of document that polls, publishes and callers read. */
const leaveDocuments = async (engine: Engine): Promise<void> => {
  await publish(engine, 'orders', REPEATED, IDEMPOTENT)
  await poll(engine, 'orders.fifo', { maxMessages: 10, attemptId: ATTEMPT })
  const [done, failed] = await poll(engine, 'orders', { maxMessages: 2 })
  if (done) await ack(engine, 'orders', [{ receiptHandle: done.receiptHandle, result: { invoice: 17 } }])
  if (failed)
    await ack(engine, 'orders', [{ receiptHandle: failed.receiptHandle, failure: { name: 'n', message: 'm' } }])
  await startRedrive(engine, 'dead', { filter: { bodyContains: 'x' } })
  await setTrigger(engine, {
    queue: 'orders',
    functionName: 'f',
    functionTimeoutSeconds: 30,
    filter: { body: ['a'] },
    unmatched: 'delete',
  })
  const { generation } = await engine.queues.get('orders')
  const [from, end] = ['9019ca94509000000000000000', '9019ca94509f00000000000000']
  const snapshot = { writtenAt: 1, keyRanges: [{ from, end, until: 2, headers: 3 }] }
  const key = snapshotKey({ queue: 'orders', generation, shard: 0 }, 0)
  await engine.store.transact([{ kind: 'put', key, value: encodeSnapshot(snapshot) }])
}

export const nameOf = ({ pk, sk }: Item): string => `${pk?.S} ${sk?.S}`

/**
 * A client whose table stores what is put, finds it, and changes nothing else: all conditions hold, and an update answers the item
 * as it is. That is enough to read each item in all the ways that the engine does.
 */
const tableClient = (table: Table): DynamoDBClient => {
  const answers: Readonly<Record<string, (input: Input) => unknown>> = {
    GetItemCommand: ({ Key }) => ({ Item: found(table, Key) }),
    BatchGetItemCommand: ({ RequestItems }) => ({
      Responses: {
        queues: (RequestItems?.queues?.Keys ?? []).map((key) => found(table, key)).filter((item) => item !== undefined),
      },
    }),
    QueryCommand: (input) => query(table, input),
    PutItemCommand: ({ Item }) => put(table, Item),
    UpdateItemCommand: ({ Key = {}, ExpressionAttributeValues }) => {
      transacted(table, { Update: { Key, ...(ExpressionAttributeValues && { ExpressionAttributeValues }) } })
      return { Attributes: found(table, Key) }
    },
    DeleteItemCommand: ({ Key }) => remove(table, Key),
    BatchExecuteStatementCommand: ({ Statements = [] }) => ({
      Responses: Statements.map(({ Parameters }) => ({ Item: itemNamedIn(table, Parameters) })),
    }),
    TransactWriteItemsCommand: ({ TransactItems = [] }) => {
      refuse(table, TransactItems)
      for (const action of TransactItems) transacted(table, action)
      return {}
    },
  }
  const send = async (command: { readonly constructor: { readonly name: string }; readonly input: Input }) =>
    answers[command.constructor.name]?.(command.input)
  return { send } as unknown as DynamoDBClient
}

const refuse = ({ items, refused }: Table, actions: readonly Action[]): void => {
  const keys = actions.map(({ Put, Update, Delete }) => Put?.Item ?? Update?.Key ?? Delete?.Key)
  const reasons = keys.map((key) =>
    key && refused.has(nameOf(key))
      ? { Code: 'ConditionalCheckFailed', Item: items.get(nameOf(key)) }
      : { Code: 'None' },
  )
  if (reasons.every(({ Code }) => Code === 'None')) return
  throw Object.assign(new Error('refused'), { name: 'TransactionCanceledException', CancellationReasons: reasons })
}

type Values = Record<string, AttributeValue>
interface Action {
  readonly Put?: { readonly Item: Item }
  readonly Update?: { readonly Key: Item; readonly ExpressionAttributeValues?: Values }
  readonly Delete?: { readonly Key: Item }
}
interface Input {
  readonly Key?: Item
  readonly Item?: Item
  readonly RequestItems?: { readonly queues?: { readonly Keys: readonly Item[] } }
  readonly ExpressionAttributeValues?: Values
  readonly Limit?: number
  readonly Statements?: readonly { readonly Parameters?: readonly AttributeValue[] }[]
  readonly TransactItems?: readonly Action[]
}

const found = ({ items }: Table, key: Item | undefined): Item | undefined => key && items.get(nameOf(key))

const put = ({ items }: Table, item: Item | undefined): object => {
  if (item) items.set(nameOf(item), item)
  return {}
}

const remove = ({ items, deleted }: Table, key: Item | undefined): object => {
  if (key && items.delete(nameOf(key))) deleted.push(nameOf(key))
  return {}
}

const query = ({ items }: Table, { ExpressionAttributeValues: values = {}, Limit = 1_000 }: Input): object => {
  const [from = '', to = ''] = [values[':from']?.S, values[':to']?.S]
  const all = [...items.values()]
    .filter(({ pk, sk }) => pk?.S === values[':pk']?.S && (sk?.S ?? '') >= from && (sk?.S ?? '') <= to)
    .sort((a, b) => ((a.sk?.S ?? '') < (b.sk?.S ?? '') ? -1 : 1))
  const Items = all.slice(0, Limit)
  return { Items, ...(all.length > Limit && { LastEvaluatedKey: { pk: { S: '' }, sk: { S: '' } } }) }
}

/** The item whose keys a statement has as neighbouring parameters. */
const itemNamedIn = ({ items }: Table, parameters: readonly AttributeValue[] = []): Item | undefined => {
  for (const [at, pk] of parameters.entries()) {
    const item = items.get(`${pk.S} ${parameters[at + 1]?.S}`)
    if (item) return item
  }
  return undefined
}

const transacted = (table: Table, { Put, Update, Delete }: Action): void => {
  put(table, Put?.Item)
  remove(table, Delete?.Key)
  if (!Update || found(table, Update.Key)) return
  // Of what is not there, only the tickets of groups are made by an update.
  const {
    ':to': number,
    ':mark': mark,
    ':x': x,
    ':u': u,
    ':now': now,
    ':t': t,
  } = Update.ExpressionAttributeValues ?? {}
  const l = number ?? mark
  const locked = u ?? now
  if (l && x && locked) put(table, { ...Update.Key, l, x, u: locked, ...(t && { t }) })
}
