import type { SettingsChange } from '../../lib/model/queue-settings.ts'
import type { Faults } from './faults.ts'
import type { Spans } from './spans.ts'
import type { TableBehaviour } from './table.ts'
import type { FunctionFaults } from './trigger-function.ts'

/** The parameters of a simulated world. */
export interface WorldSettings {
  readonly kind: 'standard' | 'fifo'
  /** Settings of the queue. With `deadLetter` the world has a dead-letter queue too. */
  readonly settings?: SettingsChange
  /** The groups of messages; absent for messages without a group. */
  readonly groups?: readonly string[]
  readonly cast: Cast
  /** Faults of requests and processes. @default none */
  readonly faults?: Faults
  /** How the table departs from a plain one. @default not at all */
  readonly table?: Partial<TableBehaviour>
  /** Clocks of processes are off by up to this much, either way; on FIFO queues those of publishers alone. */
  readonly clocksOffByMs?: number
  /** How long things last. */
  readonly spans?: Partial<Spans>
  /** What consumers do with what they receive. @default 'careless' */
  readonly consumers?: ConsumerHabit
  /** A function that is triggered: in place of consumers and operators, or `beside` them. */
  readonly trigger?: TriggerSettings
  /** Settings that the queue gets while actors work, and at the end. @default they stay */
  readonly changes?: {
    readonly during: readonly SettingsChange[]
    readonly atRest: SettingsChange
    readonly everyMs?: number
  }
  /** How often a message has a time to live of a few seconds; a probability. @default 0 */
  readonly timesToLive?: number
  /** How often a message on a standard queue has a deduplication id; a probability. @default 0 */
  readonly deduplicationIds?: number
  /** How often a publish has an idempotency key, and is sent again and again; a probability. @default 0 */
  readonly idempotencyKeys?: number
  /** How often a consumer gives a message back as not received; a probability. @default 0 */
  readonly unreceives?: number
  /** How often a consumer aborts a waiting long poll; a probability. @default 0 */
  readonly abandons?: number
  /** For how long actors publish more than they receive once nothing fails, ms. @default 0 */
  readonly steadyMs?: number
}

export interface TriggerSettings {
  /** All other actors of the cast work too. @default publishers alone do, so that the function must get every message */
  readonly beside?: true
  readonly maxConcurrency: number
  readonly batchSize?: number
  readonly batchingWindowSeconds?: number
  readonly functionTimeoutSeconds?: number
  readonly faults?: FunctionFaults
  /** How often a start of a run never takes place, though it was accepted; a probability. */
  readonly startsLost?: number
  /** How often a record of the stream is handed over twice, or late; a probability. */
  readonly wakesOdd?: number
  /** Time between two ticks, ms. @default that of a deployment, 60,000 */
  readonly tickEveryMs?: number
  /** How long a run of the dispatcher may last, ms. @default 90,000, far shorter than Lambda's 15 minutes, so that runs hand over */
  readonly runMs?: number
  /** Time in which the stream passes on a record, ms. @default 100 … 600 */
  readonly streamMs?: readonly [min: number, max: number]
  /** Time between the start of a run and its first step, ms. @default 20 … 1,500 */
  readonly startMs?: readonly [min: number, max: number]
  /** For how long the function is throttled from the start on, ms. */
  readonly throttledMs?: number
  /** The trigger has a filter, and unmatched messages are deleted, or moved to a queue. @default no filter */
  readonly unmatched?: 'delete' | 'move'
  /** For how long the queue for unmatched messages does not exist, ms. */
  readonly targetMissingMs?: number
}

interface Cast {
  readonly publishers: number
  readonly consumers: number
  /** They look at, cancel and reschedule messages. */
  readonly operators: number
  /** They move what is in the dead-letter queue back. @default 0 */
  readonly redrivers?: number
  /** They undo redrives. @default 0 */
  readonly undoers?: number
  /** They ack and publish in transactions with writes of their own. @default 0 */
  readonly transactors?: number
  /** They ask for the status of messages, and wait for results. @default 0 */
  readonly watchers?: number
  /** They consume the dead-letter queue. @default 0 */
  readonly deadLetterConsumers?: number
  /** They purge the queue. @default 0 */
  readonly purgers?: number
  /** They delete the queue and create it again. @default 0 */
  readonly deleters?: number
  /** They run workers of the library. @default 0 */
  readonly workers?: number
  /** They empty the queue at the end. @default 3 on a FIFO queue, 2 with groups, else 1 */
  readonly drainers?: number
  /** They receive slowly while nothing fails. @default 2 */
  readonly servers?: number
}

/**
 * `careless`: the consumer acks, forgets, gives back, extends, or is too slow. `diligent`: the consumer settles all messages at
 * once, so that no message waits for a lease to end.
 */
type ConsumerHabit = 'careless' | 'diligent'

export const queueName = ({ kind }: WorldSettings): string => (kind === 'fifo' ? 'orders.fifo' : 'orders')
export const deadLetterQueueName = ({ kind }: WorldSettings): string =>
  kind === 'fifo' ? 'orders-dead.fifo' : 'orders-dead'
export const queueNames = (world: WorldSettings): string[] => [
  queueName(world),
  ...(world.settings?.deadLetter ? [deadLetterQueueName(world)] : []),
]
