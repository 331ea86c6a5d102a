import {
  DEFAULT_FIFO,
  type FifoSettings,
  type QueueSettings,
  type RetryPolicy,
} from '../../lib/model/queue-settings.ts'
import { invalidAttribute, invalidParameter, SqsError, unknownAttribute } from './errors.ts'
import { checkPolicy } from './policy-document.ts'
import { NUMBER_ATTRIBUTES, NUMBER_EXTENSIONS } from './queue-attribute-names.ts'
import type { QueueAddress } from './queue-url.ts'
import { checkRedriveAllowPolicy, parseRedrivePolicy, type RedrivePolicy } from './redrive-policy.ts'
import { JsonFault, parseStrictJson } from './strict-json.ts'

export type Settings = { -readonly [K in keyof QueueSettings]?: QueueSettings[K] | null }

/** What a client asked of a queue's attributes, in the engine's terms. */
export interface AttributeChange {
  readonly settings: Settings
  /** Attributes that the engine only keeps; `null` removes. */
  readonly extras: Record<string, string | null>
  /** `null` removes. Absent: not mentioned. */
  redrivePolicy?: RedrivePolicy | null
}

interface Subject {
  readonly address: QueueAddress
  /** The queue's settings when it exists. */
  readonly current: QueueSettings | undefined
  readonly creating: boolean
}

/**
 * Attributes as the engine's settings.
 *
 * @throws `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue` as SQS words them
 */
export const readQueueAttributes = (
  attributes: Readonly<Record<string, string>>,
  subject: Subject,
): AttributeChange => {
  const change: AttributeChange = { settings: {}, extras: {} }
  for (const [name, value] of Object.entries(attributes)) readAttribute(change, name, value, subject)
  chooseEncryption(change, attributes)
  const fifo = fifoSettings(attributes, subject)
  if (fifo) change.settings.fifo = fifo
  return change
}

const readAttribute = (change: AttributeChange, name: string, value: string, { address }: Subject): void => {
  const numbers = Object.hasOwn(NUMBER_ATTRIBUTES, name) ? NUMBER_ATTRIBUTES : NUMBER_EXTENSIONS
  const numeric = Object.hasOwn(numbers, name) ? numbers[name] : undefined
  if (numeric) {
    change.settings[numeric.setting] = wholeNumber(name, value, numeric.min, numeric.max)
    return
  }
  switch (name) {
    case 'Policy':
      if (value !== '') checkPolicy(value)
      change.extras.Policy = value || null
      return
    case 'RedrivePolicy':
      change.redrivePolicy = value === '' ? null : parseRedrivePolicy(value, address)
      return
    case 'RedriveAllowPolicy':
      if (value !== '') checkRedriveAllowPolicy(value)
      change.extras.RedriveAllowPolicy = value || null
      return
    case 'KmsMasterKeyId':
      if (value.length > 2_048) throw invalidAttribute(name)
      change.extras.KmsMasterKeyId = value || null
      return
    case 'KmsDataKeyReusePeriodSeconds': {
      // At its default it is left out of what SQS answers.
      const seconds = wholeNumber(name, value, 60, 86_400)
      change.extras.KmsDataKeyReusePeriodSeconds = seconds === 300 ? null : String(seconds)
      return
    }
    case 'SqsManagedSseEnabled':
      change.extras.SqsManagedSseEnabled = flag(name, value) ? null : 'false'
      return
    case 'HoldfastRetryPolicy':
      change.settings.retryPolicy = value === '' ? null : retryPolicy(name, value)
      return
    case 'HoldfastDeduplicationMode':
      if (value !== 'window' && value !== 'pending') throw invalidAttribute(name)
      change.settings.deduplicationMode = value
      return
    case 'FifoQueue':
    case 'ContentBasedDeduplication':
    case 'DeduplicationScope':
    case 'FifoThroughputLimit':
      return
    default:
      throw unknownAttribute(name)
  }
}

/** A queue is encrypted in one way at a time: who turns the one on turns the other off, and nobody asks for both. */
const chooseEncryption = ({ extras }: AttributeChange, given: Readonly<Record<string, string>>): void => {
  if (given.SqsManagedSseEnabled === undefined || !flag('SqsManagedSseEnabled', given.SqsManagedSseEnabled)) return
  if (given.KmsMasterKeyId) {
    throw new SqsError(
      'InvalidAttributeName',
      'You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.',
    )
  }
  extras.KmsMasterKeyId = null
}

/** The attributes that only FIFO queues have, together, because they depend on one another. */
const fifoSettings = (given: Readonly<Record<string, string>>, subject: Subject): FifoSettings | undefined => {
  const { address, current, creating } = subject
  const named = address.name.endsWith('.fifo')
  const { FifoQueue, ContentBasedDeduplication, DeduplicationScope, FifoThroughputLimit } = given
  const wanted = FifoQueue === undefined ? undefined : flag('FifoQueue', FifoQueue)
  if (creating) checkKind(named, wanted)
  else if (wanted === false && named) {
    throw new SqsError(
      'InvalidAttributeValue',
      'Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.',
    )
  }
  if (!named) {
    if (FifoQueue !== undefined) throw unknownAttribute('FifoQueue')
    if (ContentBasedDeduplication !== undefined) throw unknownAttribute('ContentBasedDeduplication')
    for (const name of ['DeduplicationScope', 'FifoThroughputLimit']) {
      if (given[name] !== undefined) {
        throw new SqsError('InvalidAttributeName', `You can specify the ${name} only when FifoQueue is set to true.`)
      }
    }
    return undefined
  }
  const base = current?.fifo ?? DEFAULT_FIFO
  const fifo: FifoSettings = {
    contentBasedDeduplication:
      ContentBasedDeduplication === undefined
        ? base.contentBasedDeduplication
        : flag('ContentBasedDeduplication', ContentBasedDeduplication),
    deduplicationScope:
      choice('DeduplicationScope', DeduplicationScope, ['queue', 'messageGroup']) ?? base.deduplicationScope,
    throughputLimit:
      choice('FifoThroughputLimit', FifoThroughputLimit, ['perQueue', 'perMessageGroupId']) ?? base.throughputLimit,
  }
  if (fifo.throughputLimit === 'perMessageGroupId' && fifo.deduplicationScope !== 'messageGroup') {
    throw new SqsError(
      'InvalidAttributeValue',
      'Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.',
    )
  }
  return fifo
}

/** A queue is FIFO when its name ends in `.fifo`, and then it must be asked for as one. */
const checkKind = (named: boolean, wanted: boolean | undefined): void => {
  if (wanted === true && !named) {
    throw invalidParameter(
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
    )
  }
  if (named && !wanted) throw invalidParameter(QUEUE_NAME_RULE)
}
export const QUEUE_NAME_RULE = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length'

const wholeNumber = (name: string, text: string, min: number, max: number): number => {
  const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw invalidAttribute(name)
}

const flag = (name: string, text: string): boolean => {
  const value = text.toLowerCase()
  if (value !== 'true' && value !== 'false') throw invalidAttribute(name)
  return value === 'true'
}

const choice = <const T extends string>(
  name: string,
  text: string | undefined,
  values: readonly T[],
): T | undefined => {
  if (text === undefined) return undefined
  const found = values.find((value) => value === text)
  if (!found) throw invalidAttribute(name)
  return found
}

const RETRY_MEMBERS = ['initialSeconds', 'factor', 'maximumSeconds', 'jitter']

/** `{"initialSeconds":1,"factor":2,"maximumSeconds":600,"jitter":"full"}`; the engine checks the ranges. */
const retryPolicy = (name: string, text: string): RetryPolicy => {
  let given: unknown
  try {
    given = parseStrictJson(text)
  } catch (error) {
    if (error instanceof JsonFault) throw invalidAttribute(name)
    throw error
  }
  if (given === null || typeof given !== 'object' || Object.keys(given).some((key) => !RETRY_MEMBERS.includes(key))) {
    throw invalidAttribute(name)
  }
  const { initialSeconds, factor = 2, maximumSeconds = 3_600, jitter = 'full' } = given as Partial<RetryPolicy>
  if (initialSeconds === undefined) throw invalidAttribute(name)
  return { initialSeconds, factor, maximumSeconds, jitter }
}
