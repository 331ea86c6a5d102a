import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { openQueues, warnOnce } from './client/open-queues.ts'
import { jointDatabase } from './client/places/joint-database.ts'
import { openPlace } from './client/places/open.ts'
import type { ClientOptions } from './client/places/options.ts'
import type { QueueClient } from './client/queue.ts'
import { type JointTransaction, jointTransaction } from './client/transaction.ts'
import type { Codec } from './codecs/codec.ts'
import type { Json } from './codecs/json.ts'
import type { StandardSchema } from './codecs/schema.ts'
import { HoldfastError, invalid } from './model/errors.ts'
import { knownFields } from './model/known-fields.ts'
import { checkQueueName } from './model/queue-name.ts'
import type { Queue } from './model/queue-settings.ts'
import type { QueuePage } from './queues/list-queues.ts'
import { engineTransaction, type TransactionOptions } from './transactions/transaction.ts'
import { CALL_FIELDS, type CallOptions, type GivenQueue, type Transport } from './transport/port.ts'

export interface QueueOptions<In = never, Out = never> {
  /** Checks bodies on publish and on receive. The value given is published, not the schema's output. */
  readonly schema?: StandardSchema<In, Out>
  /** @default JSON */
  readonly codec?: Codec<In, Out>
}

/** Acks, publishes and the caller's own writes to DynamoDB: all of them are done, or none. */
export type Transaction = JointTransaction<TransactWriteItem, DynamoDBClient>

export interface Client {
  /** A queue whose bodies are JSON of one type. This call does not create it: see `createQueue`. */
  queue<Body extends Json<Body>>(name: string): QueueClient<Body>
  /** A queue whose bodies a schema checks, on publish and on receive. */
  queue<In, Out>(name: string, options: { readonly schema: StandardSchema<In, Out> }): QueueClient<In, Out>
  /** A queue whose bodies a codec encodes. */
  queue<Body>(name: string, options: { readonly codec: Codec<Body> }): QueueClient<Body>
  /** A queue with both: the codec encodes the values that the schema accepts. */
  queue<In, Out>(
    name: string,
    // biome-ignore lint/suspicious/noExplicitAny: the schema decides the types, whatever else the codec could encode
    options: { readonly schema: StandardSchema<In, Out>; readonly codec: Codec<any> },
  ): QueueClient<In, Out>

  /**
   * Begins a transaction. On a store in memory or on disk, a transaction takes no entries of the caller's own.
   *
   * @throws `NotSupported` through the HTTP API
   */
  transaction(options?: TransactionOptions): Transaction

  /** Creates a queue. Repeating it with the same settings succeeds; with others it fails with `QueueExists`. */
  createQueue(name: string, settings?: GivenQueue, options?: CallOptions): Promise<Queue>
  /**
   * Deletes a queue with its messages.
   *
   * @param options `force` also deletes a queue that is the dead-letter queue of another one. Messages that would be moved there
   *   then stay in their queue.
   * @throws `InvalidRequest` for a dead-letter queue in use, without `force`
   */
  deleteQueue(name: string, options?: CallOptions & { readonly force?: boolean }): Promise<void>
  listQueues(query?: { prefix?: string; limit?: number; cursor?: string } & CallOptions): Promise<QueuePage>

  /** Resolves when everything published through this client is settled. */
  flush(): Promise<void>
  /** Flushes, and closes the client's connections. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A client of the queues at one place: a table, an API, or a store in this process. Operations give the same results in each.
 *
 * @throws `InvalidRequest` unless exactly one place is named
 */
export const createClient = (options: ClientOptions): Client => {
  const place = openPlace(options)
  const { onInvalid = warnOnce(), lingerMs = 0, telemetry } = options
  const queues = openQueues({ ...place, telemetry, lingerMs, onInvalid })
  const close = async () => {
    await queues.flush()
    await place.transport.close()
  }
  return {
    queue: queues.client as unknown as Client['queue'],
    transaction: (given) => {
      const { engine } = place
      if (!engine) throw new HoldfastError('NotSupported', 'transactions need the table: createClient({ table })')
      const transaction = engineTransaction(engine, given)
      return jointTransaction({ transaction, database: jointDatabase(engine.store), queues })
    },
    ...administration(place.transport),
    flush: queues.flush,
    close,
    [Symbol.asyncDispose]: close,
  }
}

const administration = (transport: Transport): Pick<Client, 'createQueue' | 'deleteQueue' | 'listQueues'> => ({
  createQueue: async (name, settings = {}, options) => {
    checkQueueName(name)
    if (typeof settings !== 'object' || settings === null) throw invalid('settings', settings, 'must be an object')
    return (await transport.createQueue(name, settings, options)).queue
  },
  deleteQueue: async (name, options) => {
    checkQueueName(name)
    await transport.deleteQueue(name, options)
  },
  listQueues: async (given = {}) => {
    const { signal, ...query } = knownFields(given, { prefix: true, limit: true, cursor: true, ...CALL_FIELDS })
    return transport.listQueues(query, { signal })
  },
})
