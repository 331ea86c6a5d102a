import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { jointDatabase } from './client/places/joint-database.ts'
import { type QueueClient, queueClient } from './client/queue.ts'
import { type JointTransaction, jointTransaction } from './client/transaction.ts'
import { type Clock, monotonicClock, systemClock } from './clock.ts'
import type { Codec } from './codecs/codec.ts'
import { type Json, jsonCodec } from './codecs/json.ts'
import type { InvalidMessage, Reading } from './codecs/read-message.ts'
import { isSchema, type StandardSchema } from './codecs/schema.ts'
import { createEngine, type Engine } from './engine.ts'
import type { Observer } from './model/engine-event.ts'
import { HoldfastError, invalid, unknownField } from './model/errors.ts'
import { checkQueueName } from './model/queue-name.ts'
import type { Queue } from './model/queue-settings.ts'
import type { QueuePage } from './queues/list-queues.ts'
import type { Random } from './random.ts'
import { dynamodbClient } from './store/dynamodb/client.ts'
import { dynamodbStore } from './store/dynamodb/dynamodb-store.ts'
import { serverClock } from './store/dynamodb/server-clock.ts'
import type { Store } from './store/port.ts'
import { sureOfTime } from './store/sure-of-time.ts'
import { noTelemetry, type Server, type Telemetry } from './telemetry/telemetry.ts'
import { engineTransaction, type TransactionOptions } from './transactions/transaction.ts'
import { apiUrl, isLoopback } from './transport/api-url.ts'
import { engineTransport } from './transport/engine-transport.ts'
import { httpTransport } from './transport/http-transport.ts'
import type { CallOptions, GivenQueue, Transport } from './transport/port.ts'
import { type Credentials, regionOfUrl, signer, unsigned } from './transport/signer.ts'

interface Common {
  /**
   * Called with a message that could not be decoded or did not fit its queue's schema.
   * @default a warning of the process, once a queue
   */
  readonly onInvalid?: (failure: InvalidMessage) => void
  /** How long a lone publish waits for others to share a write with, ms. @default 0: to the end of the event loop's turn */
  readonly lingerMs?: number
  /** Traces and measures what the client does: `openTelemetry()` of `holdfast/opentelemetry`. @default nothing does */
  readonly telemetry?: Telemetry
}

/** Directly on the DynamoDB table, with the caller's own IAM role. */
export interface TableOptions extends Common {
  readonly table: string
  /** @default a client of the SDK's standard environment */
  readonly dynamodb?: DynamoDBClient
  /** Called with the events of the engine. */
  readonly observe?: Observer
}

/** Through the HTTP API, or a local server. */
export interface UrlOptions extends Common {
  readonly url: string | URL
  /** @default those of the SDK's standard chain; none when the address is on this machine */
  readonly credentials?: Credentials | (() => Promise<Credentials>)
  /** @default the region in the address, else that of the SDK's environment */
  readonly region?: string
  /** @default the runtime's own */
  readonly fetch?: typeof fetch
  /**
   * Whether a publish has an idempotency key: a publish whose answer was lost is then repeated, and stored only once.
   * That costs 2 write units a call and one a segment, so 3 for messages that are alike, one or 25. Without the key such
   * a publish throws `StoreUnavailable`, and publishing again may store a second copy.
   *
   * @default true
   */
  readonly idempotentPublish?: boolean
}

/** In this process: `memoryStore()`, or another store. */
export interface StoreOptions extends Common {
  readonly store: Store
  /** @default the system's clock; the store's own where it was given one */
  readonly clock?: Clock
  readonly random?: Random
  readonly observe?: Observer
}

/** On an existing engine. */
export interface EngineOptions extends Common {
  readonly engine: Engine
}

export type ClientOptions = TableOptions | UrlOptions | StoreOptions | EngineOptions

export interface QueueOptions<In = never, Out = never> {
  /** Checks bodies on publish and on receive. What is published is the value given, not what the schema makes of it. */
  readonly schema?: StandardSchema<In, Out>
  /** @default JSON */
  readonly codec?: Codec<In, Out>
}

/** Acks, publishes and the caller's own writes to DynamoDB, all or none. */
export type Transaction = JointTransaction<TransactWriteItem, DynamoDBClient>

export interface Client {
  /** A queue whose bodies are JSON of one type. It is not created: see `createQueue`. */
  queue<Body extends Json<Body>>(name: string): QueueClient<Body>
  /** A queue whose bodies a schema checks, on publish and on receive. */
  queue<In, Out>(name: string, options: { readonly schema: StandardSchema<In, Out> }): QueueClient<In, Out>
  /** A queue whose bodies a codec carries. */
  queue<Body>(name: string, options: { readonly codec: Codec<Body> }): QueueClient<Body>
  /** Both: the codec carries what the schema takes. */
  queue<In, Out>(
    name: string,
    // biome-ignore lint/suspicious/noExplicitAny: the schema decides the types, whatever the codec could carry besides
    options: { readonly schema: StandardSchema<In, Out>; readonly codec: Codec<any> },
  ): QueueClient<In, Out>

  /**
   * Begins a transaction. On a store in memory or on disk it takes no entries of the caller's own.
   *
   * @throws `NotSupported` through the HTTP API
   */
  transaction(options?: TransactionOptions): Transaction

  /** Creates a queue. Repeating it with the same settings succeeds; with others it fails with `QueueExists`. */
  createQueue(name: string, settings?: GivenQueue, options?: CallOptions): Promise<Queue>
  /**
   * @param options with `force`, also a queue that is the dead-letter queue of another one. Messages that would go there then
   *   stay in their queue.
   * @throws `InvalidRequest` for a dead-letter queue in use
   */
  deleteQueue(name: string, options?: CallOptions & { readonly force?: boolean }): Promise<void>
  listQueues(query?: { prefix?: string; limit?: number; cursor?: string } & CallOptions): Promise<QueuePage>

  /** Resolves when everything published through this client is settled. */
  flush(): Promise<void>
  /** Flushes, and closes the connections of the client. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A client of the queues at one place: a table, an API, or a store in this process. The place makes no difference to the
 * results.
 *
 * @throws `InvalidRequest` unless exactly one place is named
 */
export const createClient = (options: ClientOptions): Client => {
  const { transport, clock, engine, server } = open(options)
  // A clock that was passed in belongs to a test, which moves only that one.
  const monotonic =
    'store' in options || 'engine' in options ? (clock === systemClock ? monotonicClock : clock) : monotonicClock
  const { onInvalid = warnOnce(), lingerMs = 0, telemetry } = options
  const queues = new Map<string, OpenQueue[]>()
  const flush = async () => {
    await Promise.all([...queues.values()].flat().map(({ client }) => client.flush()))
  }
  const close = async () => {
    await flush()
    await transport.close()
  }
  const json: Codec<unknown> = jsonCodec()
  const queue = (name: string, { schema, codec = json as Codec<never> }: QueueOptions = {}) => {
    checkQueueName(name)
    const ofName = queues.get(name) ?? []
    const known = ofName.find((one) => one.schema === schema && one.codec === codec)
    if (known) return known.client
    if (schema !== undefined && !isSchema(schema)) {
      throw invalid('schema', typeof schema, 'must speak Standard Schema (have a ~standard member)')
    }
    const client = queueClient({
      transport,
      name,
      codec: codec as Codec<unknown>,
      schema,
      telemetry: telemetry?.queue(name, server) ?? noTelemetry,
      lingerMs,
      clock,
      monotonic,
      onInvalid,
    })
    queues.set(name, [...ofName, { schema, codec, client }])
    return client
  }
  const transaction = (given?: TransactionOptions): Transaction => {
    if (!engine) throw new HoldfastError('NotSupported', 'transactions need the table: createClient({ table })')
    return jointTransaction({
      transaction: engineTransaction(engine, given),
      database: jointDatabase(engine.store),
      queueNames: () => queues.keys(),
      awaitingOf: (name) => queue(name),
      telemetryOf: (name) => telemetry?.queue(name, server) ?? noTelemetry,
      readingOf: (wanted) => {
        const open = queues.get(typeof wanted === 'string' ? wanted : wanted.name) ?? []
        const { codec = json, schema } = open.find(({ client }) => client === wanted) ?? ownReading(open, json) ?? {}
        return { codec, schema } as Reading<never, unknown>
      },
    })
  }
  return {
    queue: queue as unknown as Client['queue'],
    transaction,
    createQueue: async (name, settings = {}, callOptions) => {
      checkQueueName(name)
      if (typeof settings !== 'object' || settings === null) throw invalid('settings', settings, 'must be an object')
      return (await transport.createQueue(name, settings, callOptions)).queue
    },
    deleteQueue: async (name, callOptions) => {
      checkQueueName(name)
      await transport.deleteQueue(name, callOptions)
    },
    listQueues: ({ signal, ...query } = {}) => transport.listQueues(query, { signal }),
    flush,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Asked for again with the same schema and codec, a queue has the same client: their publishes travel together. */
interface OpenQueue {
  readonly schema: unknown
  readonly codec: unknown
  readonly client: QueueClient<never, unknown>
}

/** How a queue that is named alone is written to: by the schema or codec that it was asked for with, where that is one. */
const ownReading = (open: readonly OpenQueue[], json: Codec<unknown>): OpenQueue | undefined => {
  const [own, another] = open.filter(({ schema, codec }) => schema !== undefined || codec !== json)
  if (another) {
    const requirement = "must be the queue's client: it was asked for with different schemas or codecs"
    throw invalid('queue', another.client.name, requirement)
  }
  return own
}

type KeyOf<T> = T extends unknown ? keyof T : never

/** Of clients at every place: an option that nobody knows would do nothing, and stay unnoticed. */
const OPTIONS = {
  table: true,
  url: true,
  store: true,
  engine: true,
  dynamodb: true,
  observe: true,
  credentials: true,
  region: true,
  fetch: true,
  idempotentPublish: true,
  clock: true,
  random: true,
  onInvalid: true,
  lingerMs: true,
  telemetry: true,
} satisfies Record<KeyOf<ClientOptions>, true>

const checkKnown = (options: object): void => {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(OPTIONS, name)) throw unknownField(name, undefined, Object.keys(OPTIONS))
  }
}

const PLACES = ['table', 'url', 'store', 'engine'] as const

interface Opened {
  readonly transport: Transport
  readonly clock: Clock
  /** Absent over HTTP. */
  readonly engine?: Engine
  readonly server?: Server
}

const open = (options: ClientOptions): Opened => {
  checkKnown(options)
  const named = PLACES.filter((place) => (options as unknown as Record<string, unknown>)[place] !== undefined)
  if (named.length !== 1)
    throw invalid('options', named.join(', ') || 'nothing', 'must name one of table, url, store, engine')
  if ('table' in options) return onTable(options)
  if ('url' in options) return overHttp(options)
  if ('engine' in options) {
    const { engine } = options
    return { transport: engineTransport(engine), clock: engine.clock, engine }
  }
  const { store, clock = systemClock, random, observe } = options
  const engine = createEngine({ store, clock, ...(random && { random }), ...(observe && { observe }) })
  return { transport: engineTransport(engine), clock, engine }
}

const onTable = ({ table, dynamodb, observe }: TableOptions): Opened => {
  const client = dynamodb ?? dynamodbClient()
  const clock = serverClock(client)
  const store = sureOfTime(dynamodbStore({ client, table, clock }), clock)
  const engine = createEngine({ store, clock, ...(observe && { observe }) })
  return { transport: engineTransport(engine, async () => (dynamodb ? undefined : client.destroy())), clock, engine }
}

const overHttp = ({ url: given, credentials, region, fetch, idempotentPublish = true }: UrlOptions): Opened => {
  const url = apiUrl(given)
  const sign = !credentials && isLoopback(url) ? unsigned : signer(...credentialsAndRegion(url, credentials, region))
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return {
    transport: httpTransport({ url, sign, idempotentPublish, ...(fetch && { fetch }) }),
    clock: systemClock,
    server: { address: url.hostname, port },
  }
}

/** Credentials and region. The DynamoDB client's standard chain finds those that are not given. */
const credentialsAndRegion = (
  url: URL,
  credentials: UrlOptions['credentials'],
  region: string | undefined,
): [() => Promise<Credentials>, () => Promise<string>] => {
  const sdk = () => dynamodbClient(region ? { region } : {}).config
  const known = region ?? regionOfUrl(url)
  return [
    typeof credentials === 'function' ? credentials : async () => credentials ?? (await sdk().credentials()),
    async () => known ?? (await sdk().region()),
  ]
}

const warnOnce = (): ((failure: InvalidMessage) => void) => {
  const warned = new Set<string>()
  return ({ queue, reason, deadLettered }) => {
    if (warned.has(queue)) return
    warned.add(queue)
    const fate = deadLettered ? 'went to its dead-letter queue' : 'stays there, for want of a dead-letter queue'
    process.emitWarning(`a message of queue ${queue} ${fate}: ${reason}`, 'HoldfastWarning')
  }
}
