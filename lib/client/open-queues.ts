import type { Clock } from '../clock.ts'
import type { Codec } from '../codecs/codec.ts'
import { jsonCodec } from '../codecs/json.ts'
import type { InvalidMessage, Reading } from '../codecs/read-message.ts'
import { isSchema, type StandardSchema } from '../codecs/schema.ts'
import { invalid } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { checkQueueName } from '../model/queue-name.ts'
import { noTelemetry, type QueueTelemetry, type Server, type Telemetry } from '../telemetry/telemetry.ts'
import type { Transport } from '../transport/port.ts'
import { type QueueClient, queueClient } from './queue.ts'

export interface OpenQueuesParts {
  readonly transport: Transport
  readonly clock: Clock
  readonly monotonic: Clock
  readonly server?: Server
  readonly telemetry: Telemetry | undefined
  readonly lingerMs: number
  readonly onInvalid: (failure: InvalidMessage) => void
}

/** The schema and the codec of a queue's bodies, as the application gives them. */
interface GivenReading {
  readonly schema?: StandardSchema<never, unknown> | undefined
  /** @default JSON */
  readonly codec?: Codec<never> | undefined
}

/** The queues that the application has asked one client for. */
export interface OpenQueues {
  /** A queue's client. The same schema and codec give the same client, so that all its publishes can share calls. */
  client(name: string, reading?: GivenReading): QueueClient<never, unknown>
  names(): Iterable<string>
  telemetry(name: string): QueueTelemetry
  /**
   * The schema and the codec with which bodies are written to a queue.
   *
   * @param queue its client, or its name. The name means the schema and codec with which the application asked for the queue,
   *   or JSON if it gave none
   * @throws `InvalidRequest` for a name if the application asked for the queue with different schemas or codecs
   */
  reading(queue: string | QueueClient<never, unknown>): Reading<never, unknown>
  /** Resolves when everything published through these clients is settled. */
  flush(): Promise<void>
}

interface OpenQueue {
  readonly schema: unknown
  readonly codec: Codec<unknown>
  readonly client: QueueClient<never, unknown>
}

const READING_FIELDS: FieldNames<GivenReading> = { schema: true, codec: true }

export const openQueues = ({ telemetry, server, ...parts }: OpenQueuesParts): OpenQueues => {
  const json = jsonCodec()
  const queues = new Map<string, OpenQueue[]>()
  const ofName = (name: string): readonly OpenQueue[] => queues.get(name) ?? []
  const telemetryOf = (name: string) => telemetry?.queue(name, server) ?? noTelemetry

  const add = (name: string, codec: Codec<unknown>, schema: GivenReading['schema']): QueueClient<never, unknown> => {
    if (schema !== undefined && !isSchema(schema)) {
      throw invalid('schema', typeof schema, 'must speak Standard Schema (have a ~standard member)')
    }
    const client = queueClient({ ...parts, name, codec, schema, telemetry: telemetryOf(name) })
    queues.set(name, [...ofName(name), { schema, codec, client }])
    return client
  }
  return {
    client: (name, options = {}) => {
      checkQueueName(name)
      const { schema, codec: given } = knownFields(options, READING_FIELDS)
      const codec = (given ?? json) as Codec<unknown>
      const open = ofName(name).find((one) => one.schema === schema && one.codec === codec)
      return open?.client ?? add(name, codec, schema)
    },
    names: () => queues.keys(),
    telemetry: telemetryOf,
    reading: (queue) => {
      const open = ofName(typeof queue === 'string' ? queue : queue.name)
      const { codec = json, schema } = open.find(({ client }) => client === queue) ?? ownReading(open, json) ?? {}
      return { codec, schema } as Reading<never, unknown>
    },
    flush: async () => {
      await Promise.all([...queues.values()].flat().map(({ client }) => client.flush()))
    },
  }
}

/** The open queue with a schema or codec of its own, if there is exactly one. */
const ownReading = (open: readonly OpenQueue[], json: Codec<unknown>): OpenQueue | undefined => {
  const [own, another] = open.filter(({ schema, codec }) => schema !== undefined || codec !== json)
  if (another) {
    const requirement = "must be the queue's client: it was asked for with different schemas or codecs"
    throw invalid('queue', another.client.name, requirement)
  }
  return own
}

/** Warns of the first message of each queue that could not be read. */
export const warnOnce = (): ((failure: InvalidMessage) => void) => {
  const warned = new Set<string>()
  return ({ queue, reason, deadLettered }) => {
    if (warned.has(queue)) return
    warned.add(queue)
    const fate = deadLettered
      ? 'went to its dead-letter queue'
      : 'stays there, because the queue has no dead-letter queue'
    process.emitWarning(`a message of queue ${queue} ${fate}: ${reason}`, 'HoldfastWarning')
  }
}
