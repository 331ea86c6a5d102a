import { DEFAULT_SETTINGS, type Queue } from '../../lib/model/queue-settings.ts'
import type { Counts } from '../../lib/queues/counts.ts'
import { unknownAttribute } from './errors.ts'
import {
  COUNT_ATTRIBUTES,
  FIFO_ATTRIBUTES,
  NUMBER_ATTRIBUTES,
  NUMBER_EXTENSIONS,
  OTHER_EXTENSIONS,
} from './queue-attribute-names.ts'
import { type QueueNames, queueArn } from './queue-url.ts'

/** The sources of the values of a queue's attributes. */
export interface AttributeSources {
  readonly queue: Queue
  readonly names: QueueNames
  readonly counts: Counts | undefined
}
type Show = (sources: AttributeSources) => string | number | boolean | undefined

const seconds = (at: number): number => Math.floor(at / 1_000)

const ATTRIBUTES: Readonly<Record<string, Show>> = {
  QueueArn: ({ queue, names }) => queueArn(names.addressOf(queue.name)),
  ApproximateNumberOfMessages: ({ counts }) => counts?.ready,
  ApproximateNumberOfMessagesNotVisible: ({ counts }) => counts?.leased,
  ApproximateNumberOfMessagesDelayed: ({ counts }) => counts?.delayed,
  CreatedTimestamp: ({ queue }) => seconds(queue.createdAt),
  LastModifiedTimestamp: ({ queue }) => seconds(queue.modifiedAt),
  ...Object.fromEntries(
    Object.entries(NUMBER_ATTRIBUTES).map(([name, { setting }]): [string, Show] => [
      name,
      ({ queue }) => queue.settings[setting],
    ]),
  ),
  Policy: ({ queue }) => queue.extras.Policy,
  RedrivePolicy: ({ queue, names }) => {
    const { deadLetter } = queue.settings
    if (!deadLetter) return undefined
    return JSON.stringify({
      deadLetterTargetArn: queueArn(names.addressOf(deadLetter.queue)),
      maxReceiveCount: deadLetter.maxReceives,
    })
  },
  RedriveAllowPolicy: ({ queue }) => queue.extras.RedriveAllowPolicy,
  FifoQueue: ({ queue }) => (queue.settings.fifo ? true : undefined),
  ContentBasedDeduplication: ({ queue }) => queue.settings.fifo?.contentBasedDeduplication,
  DeduplicationScope: ({ queue }) => queue.settings.fifo?.deduplicationScope,
  FifoThroughputLimit: ({ queue }) => queue.settings.fifo?.throughputLimit,
  KmsMasterKeyId: ({ queue }) => queue.extras.KmsMasterKeyId,
  KmsDataKeyReusePeriodSeconds: ({ queue }) => queue.extras.KmsDataKeyReusePeriodSeconds,
  SqsManagedSseEnabled: ({ queue }) => queue.extras.SqsManagedSseEnabled ?? queue.extras.KmsMasterKeyId === undefined,
}

const EXTENSIONS: Readonly<Record<string, Show>> = {
  ...Object.fromEntries(
    Object.entries(NUMBER_EXTENSIONS).map(([name, { setting }]): [string, Show] => [
      name,
      ({ queue }) => queue.settings[setting],
    ]),
  ),
  HoldfastRetryPolicy: ({ queue }) => queue.settings.retryPolicy && JSON.stringify(queue.settings.retryPolicy),
  HoldfastDeduplicationMode: ({ queue }) => queue.settings.deduplicationMode,
}

/** Extensions that `All` includes when they differ from the default. The others repeat attributes of SQS. */
const SHOWN_WHEN_SET = [
  'HoldfastPriorities',
  'HoldfastShards',
  'HoldfastDeduplicationWindowSeconds',
  'HoldfastMaxInFlightPerGroup',
  ...OTHER_EXTENSIONS,
]

/** The names of the attributes to show, with `All` resolved. @throws `InvalidAttributeName` */
export const wantedAttributes = (requested: readonly string[], queue: Queue): readonly string[] => {
  const wanted = new Set<string>()
  for (const name of requested) {
    if (name === 'All') for (const one of Object.keys(ATTRIBUTES)) wanted.add(one)
    else if (!isShown(name, queue)) throw unknownAttribute(name)
    else wanted.add(name)
  }
  if (requested.includes('All')) for (const name of SHOWN_WHEN_SET) if (isSet(name, queue)) wanted.add(name)
  return [...wanted]
}

const isShown = (name: string, queue: Queue): boolean => {
  if (!queue.settings.fifo && (FIFO_ATTRIBUTES as readonly string[]).includes(name)) return false
  return Object.hasOwn(ATTRIBUTES, name) || Object.hasOwn(EXTENSIONS, name)
}

const isSet = (name: string, queue: Queue): boolean => {
  const sources = { queue, names: {} as QueueNames, counts: undefined }
  const show = EXTENSIONS[name]
  return show?.(sources) !== show?.({ ...sources, queue: { ...queue, settings: DEFAULT_SETTINGS } })
}

/** Whether the messages have to be counted, which reads the queue. */
export const needsCounts = (wanted: readonly string[]): boolean =>
  wanted.some((name) => (COUNT_ATTRIBUTES as readonly string[]).includes(name))

export const showAttributes = (
  wanted: readonly string[],
  sources: AttributeSources,
): Record<string, string> | undefined => {
  const attributes: Record<string, string> = {}
  for (const name of wanted) {
    const value = (ATTRIBUTES[name] ?? EXTENSIONS[name])?.(sources)
    if (value !== undefined) attributes[name] = String(value)
  }
  return Object.keys(attributes).length > 0 ? attributes : undefined
}
