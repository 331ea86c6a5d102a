import { HoldfastError, invalid, unknownField } from './errors.ts'
import { LIMITS } from './limits.ts'
import { checkNumber, checkWholeNumber } from './number-checks.ts'
import { checkQueueName, plainName } from './queue-name.ts'
import type { RetryPolicy } from './retry-policy.ts'

export interface DeadLetterSettings {
  /** Name of the queue that takes messages received `maxReceives` times without an ack. */
  readonly queue: string
  readonly maxReceives: number
}

export interface FifoSettings {
  /** Whether a message without a deduplication id has the SHA-256 of its body as one. */
  readonly contentBasedDeduplication: boolean
  readonly deduplicationScope: 'queue' | 'messageGroup'
  readonly throughputLimit: 'perQueue' | 'perMessageGroupId'
}

/** The settings of a queue. The defaults are those of SQS. */
export interface QueueSettings {
  /** How long a poll leases messages unless the poll names another time. @default 30 */
  readonly visibilityTimeoutSeconds: number
  /** Delay of a message unless the message has its own. @default 0 */
  readonly delaySeconds: number
  /** How long a message is kept, counted from when it is due. @default 345600 (4 days) */
  readonly retentionSeconds: number
  /** Largest message, body and attributes, bytes. @default 1048576 */
  readonly maximumMessageBytes: number
  /** Wait of a poll unless the poll names its own. @default 0 */
  readonly receiveWaitTimeSeconds: number
  readonly deadLetter?: DeadLetterSettings
  /** Backoff after a nack unless the nack names a delay; without a policy the message is ready at once. */
  readonly retryPolicy?: RetryPolicy
  /** Number of priorities, 1 … 10. @default 1 */
  readonly priorities: number
  /** Partitions that publishers spread over; raised automatically when DynamoDB throttles. @default 1 */
  readonly shards: number
  /** Present on FIFO queues only; a queue never changes its kind. */
  readonly fifo?: FifoSettings
  /** How long a deduplication id is taken. @default 300 */
  readonly deduplicationWindowSeconds: number
  /** `window`: an id is refused for the window. `pending`: only until its message is acked, dead-lettered or cancelled. @default window */
  readonly deduplicationMode: 'window' | 'pending'
  /** Hard limit of messages of one group in flight on a standard queue. @default none */
  readonly maxInFlightPerGroup?: number
  /** Whether consumers' results are kept for their producers. @default they are not, and cost nothing */
  readonly results?: ResultSettings
  /** Whether polls and triggers get nothing, while publishes go on; absent when they get messages. */
  readonly paused?: true
}

export interface ResultSettings {
  /** How long a result is kept after its ack at least, seconds, 60 … 2592000 (30 days). */
  readonly retentionSeconds: number
}

/** A change of settings: absent keeps, `null` removes an optional one. */
export type SettingsChange = {
  readonly [K in keyof Omit<QueueSettings, 'paused'>]?: undefined extends QueueSettings[K]
    ? QueueSettings[K] | null
    : QueueSettings[K]
} & { readonly paused?: boolean | null }

export interface Queue {
  readonly name: string
  readonly settings: QueueSettings
  /** Epoch ms. */
  readonly createdAt: number
  readonly modifiedAt: number
  readonly tags: Readonly<Record<string, string>>
  /** Attributes that a protocol stores with a queue and the engine does not interpret (SQS: policies, key ids). */
  readonly extras: Readonly<Record<string, string>>
}

export const DEFAULT_SETTINGS: QueueSettings = {
  visibilityTimeoutSeconds: 30,
  delaySeconds: 0,
  retentionSeconds: 345_600,
  maximumMessageBytes: LIMITS.messageBytes,
  receiveWaitTimeSeconds: 0,
  priorities: 1,
  shards: 1,
  deduplicationWindowSeconds: 300,
  deduplicationMode: 'window',
}

export const DEFAULT_FIFO: FifoSettings = {
  contentBasedDeduplication: false,
  deduplicationScope: 'queue',
  throughputLimit: 'perQueue',
}

/** The settings after a change, checked. `base` is absent for a new queue. */
export const applySettings = (name: string, change: SettingsChange, base?: QueueSettings): QueueSettings => {
  checkKnown(change)
  if (base) checkKind(name, change, base)
  const merged: Record<string, unknown> = { ...(base ?? DEFAULT_SETTINGS) }
  for (const [key, value] of Object.entries(change)) {
    if (value === null || (key === 'paused' && value === false)) delete merged[key]
    else if (value !== undefined) merged[key] = value
  }
  const settings = merged as unknown as QueueSettings
  checkSettings(name, settings)
  return settings
}

/** The fields of the settings that are objects; the others are plain values. */
const MEMBERS: Readonly<Record<keyof QueueSettings, readonly string[]>> = {
  visibilityTimeoutSeconds: [],
  delaySeconds: [],
  retentionSeconds: [],
  maximumMessageBytes: [],
  receiveWaitTimeSeconds: [],
  deadLetter: ['queue', 'maxReceives'],
  retryPolicy: ['initialSeconds', 'factor', 'maximumSeconds', 'jitter'],
  priorities: [],
  shards: [],
  fifo: ['contentBasedDeduplication', 'deduplicationScope', 'throughputLimit'],
  deduplicationWindowSeconds: [],
  deduplicationMode: [],
  maxInFlightPerGroup: [],
  results: ['retentionSeconds'],
  paused: [],
}

/** Refuses unknown settings, which would be stored without any effect. */
const checkKnown = (change: SettingsChange): void => {
  for (const [name, value] of Object.entries(change)) {
    if (!Object.hasOwn(MEMBERS, name)) throw unknownField(name, value, Object.keys(MEMBERS))
    if (value === null || typeof value !== 'object') continue
    const members = MEMBERS[name as keyof QueueSettings]
    for (const [member, inner] of Object.entries(value)) {
      if (!members.includes(member)) throw unknownField(`${name}.${member}`, inner, members)
    }
  }
}

/** Refuses a change of a queue's kind: its partitions and its messages' ids depend on the kind. */
const checkKind = (name: string, { fifo }: SettingsChange, base: QueueSettings): void => {
  if (fifo === undefined || (fifo === null) === (base.fifo === undefined)) return
  const [kind, other] = base.fifo ? ['FIFO', 'does not end in .fifo'] : ['standard', 'ends in .fifo']
  throw new HoldfastError(
    'InvalidRequest',
    `${plainName(name)} is a ${kind} queue, and a queue never changes its kind: create another one whose name ${other}`,
    { field: 'fifo', value: fifo, queue: name },
  )
}

const checkSettings = (name: string, settings: QueueSettings): void => {
  checkNumbers(settings)
  if (settings.deduplicationMode !== 'window' && settings.deduplicationMode !== 'pending') {
    throw invalid('deduplicationMode', settings.deduplicationMode, 'must be "window" or "pending"')
  }
  if (settings.paused !== undefined && settings.paused !== true) {
    throw invalid('paused', settings.paused, 'must be true or false')
  }
  if (settings.deadLetter) checkDeadLetter(name, settings.deadLetter)
  if (settings.retryPolicy) checkRetryPolicy(settings.retryPolicy)
  checkFifo(name, settings)
}

const checkNumbers = (settings: QueueSettings): void => {
  checkWholeNumber('visibilityTimeoutSeconds', settings.visibilityTimeoutSeconds, 0, LIMITS.visibilityTimeoutSeconds)
  checkWholeNumber('delaySeconds', settings.delaySeconds, 0, LIMITS.delaySeconds)
  checkWholeNumber('retentionSeconds', settings.retentionSeconds, LIMITS.retentionSecondsMin, LIMITS.retentionSeconds)
  checkWholeNumber('maximumMessageBytes', settings.maximumMessageBytes, LIMITS.messageBytesMin, LIMITS.messageBytes)
  checkWholeNumber('receiveWaitTimeSeconds', settings.receiveWaitTimeSeconds, 0, LIMITS.waitTimeSeconds)
  checkWholeNumber('priorities', settings.priorities, 1, LIMITS.priorities)
  checkWholeNumber('shards', settings.shards, 1, LIMITS.shards)
  checkWholeNumber(
    'deduplicationWindowSeconds',
    settings.deduplicationWindowSeconds,
    1,
    LIMITS.deduplicationWindowSeconds,
  )
  if (settings.maxInFlightPerGroup !== undefined) {
    checkWholeNumber('maxInFlightPerGroup', settings.maxInFlightPerGroup, 1, LIMITS.maxInFlightPerGroup)
  }
  if (settings.results) {
    const { resultRetentionSecondsMin: min, resultRetentionSeconds: max } = LIMITS
    checkWholeNumber('results.retentionSeconds', settings.results.retentionSeconds, min, max)
  }
}

const checkDeadLetter = (name: string, deadLetter: DeadLetterSettings): void => {
  if (typeof deadLetter !== 'object') throw invalid('deadLetter', deadLetter, 'must be an object')
  checkQueueName(deadLetter.queue, 'deadLetter.queue')
  if (deadLetter.queue.endsWith('.fifo') !== name.endsWith('.fifo')) {
    throw invalid('deadLetter.queue', deadLetter.queue, 'must be of the same kind as the queue, FIFO or standard')
  }
  checkWholeNumber('deadLetter.maxReceives', deadLetter.maxReceives, 1, LIMITS.maxReceives)
}

const checkRetryPolicy = ({ initialSeconds, factor, maximumSeconds, jitter }: RetryPolicy): void => {
  checkNumber('retryPolicy.initialSeconds', initialSeconds, 0, LIMITS.retryDelaySeconds)
  checkNumber('retryPolicy.factor', factor, 1, LIMITS.retryFactor)
  checkNumber('retryPolicy.maximumSeconds', maximumSeconds, 0, LIMITS.retryDelaySeconds)
  if (jitter !== 'none' && jitter !== 'full') throw invalid('retryPolicy.jitter', jitter, 'must be "none" or "full"')
}

const checkFifo = (name: string, { fifo, priorities }: QueueSettings): void => {
  if (fifo && priorities > 1) {
    throw invalid('priorities', priorities, 'must be 1 on a FIFO queue, whose order is that of publication')
  }
  if (name.endsWith('.fifo') !== (fifo !== undefined)) {
    const rule = fifo ? 'must end in .fifo, as it has fifo settings' : 'must have fifo settings, as it ends in .fifo'
    throw invalid('queue', plainName(name), rule)
  }
}
