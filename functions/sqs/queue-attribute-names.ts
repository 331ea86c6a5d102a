import { LIMITS } from '../../lib/model/limits.ts'
import type { QueueSettings } from '../../lib/model/queue-settings.ts'

/** A setting that is a whole number, with the range that the attribute accepts. */
interface NumberAttribute {
  readonly setting: {
    [K in keyof QueueSettings]-?: NonNullable<QueueSettings[K]> extends number ? K : never
  }[keyof QueueSettings]
  readonly min: number
  readonly max: number
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
export const NUMBER_ATTRIBUTES: Readonly<Record<string, NumberAttribute>> = {
  DelaySeconds: { setting: 'delaySeconds', min: 0, max: 900 },
  MaximumMessageSize: { setting: 'maximumMessageBytes', min: LIMITS.messageBytesMin, max: LIMITS.messageBytes },
  MessageRetentionPeriod: { setting: 'retentionSeconds', min: 60, max: 1_209_600 },
  ReceiveMessageWaitTimeSeconds: { setting: 'receiveWaitTimeSeconds', min: 0, max: LIMITS.waitTimeSeconds },
  VisibilityTimeout: { setting: 'visibilityTimeoutSeconds', min: 0, max: 43_200 },
}

/** Settings beyond the range of SQS's attributes, and settings that SQS does not have. */
export const NUMBER_EXTENSIONS: Readonly<Record<string, NumberAttribute>> = {
  HoldfastDelaySeconds: { setting: 'delaySeconds', min: 0, max: LIMITS.delaySeconds },
  HoldfastRetentionSeconds: {
    setting: 'retentionSeconds',
    min: LIMITS.retentionSecondsMin,
    max: LIMITS.retentionSeconds,
  },
  HoldfastVisibilityTimeoutSeconds: {
    setting: 'visibilityTimeoutSeconds',
    min: 0,
    max: LIMITS.visibilityTimeoutSeconds,
  },
  HoldfastPriorities: { setting: 'priorities', min: 1, max: LIMITS.priorities },
  HoldfastShards: { setting: 'shards', min: 1, max: LIMITS.shards },
  HoldfastDeduplicationWindowSeconds: {
    setting: 'deduplicationWindowSeconds',
    min: 1,
    max: LIMITS.deduplicationWindowSeconds,
  },
  HoldfastMaxInFlightPerGroup: { setting: 'maxInFlightPerGroup', min: 1, max: LIMITS.maxInFlightPerGroup },
}

export const FIFO_ATTRIBUTES = [
  'FifoQueue',
  'ContentBasedDeduplication',
  'DeduplicationScope',
  'FifoThroughputLimit',
] as const

/** Stored and returned without effect: the deployment decides how the table is encrypted. */
const ENCRYPTION_ATTRIBUTES = ['KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled'] as const

export const COUNT_ATTRIBUTES = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const

export const OTHER_EXTENSIONS = ['HoldfastRetryPolicy', 'HoldfastDeduplicationMode'] as const

const SQS_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...Object.keys(NUMBER_ATTRIBUTES),
  ...FIFO_ATTRIBUTES,
  ...ENCRYPTION_ATTRIBUTES,
  ...COUNT_ATTRIBUTES,
  'Policy',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'QueueArn',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
])

export const isQueueAttribute = (name: string): boolean => SQS_ATTRIBUTES.has(name)
