import type { QueueSettings } from '../../lib/model/queue-settings.ts'
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from '../../lib/model/retry-policy.ts'
import { isObject, JsonFault, parseStrictJson } from '../runtime/strict-json.ts'
import { invalidAttribute, SqsError, unknownAttribute } from './errors.ts'
import { fifoSettings, flag } from './fifo-attributes.ts'
import { checkPolicy } from './policy-document.ts'
import { FIFO_ATTRIBUTES, NUMBER_ATTRIBUTES, NUMBER_EXTENSIONS } from './queue-attribute-names.ts'
import type { QueueAddress, QueueNames } from './queue-url.ts'
import { checkRedriveAllowPolicy, parseRedrivePolicy, type RedrivePolicy } from './redrive-policy.ts'

export type Settings = { -readonly [K in keyof QueueSettings]?: QueueSettings[K] | null }

/** A change of a queue's attributes, in the engine's terms. */
export interface AttributeChange {
  readonly settings: Settings
  /** Attributes that the engine only stores; `null` removes. */
  readonly extras: Record<string, string | null>
  /** `null` removes; absent when the request does not mention it. */
  redrivePolicy?: RedrivePolicy | null
}

interface Subject {
  readonly address: QueueAddress
  readonly names: QueueNames
  /** The queue's settings, when it exists. */
  readonly current: QueueSettings | undefined
  /** The attributes that the engine only stores, when the queue exists. */
  readonly extras: Readonly<Record<string, string>> | undefined
  readonly creating: boolean
}

/**
 * Translates attributes into the engine's settings.
 *
 * @throws `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue`
 */
export const readQueueAttributes = (
  attributes: Readonly<Record<string, string>>,
  subject: Subject,
): AttributeChange => {
  const change: AttributeChange = { settings: {}, extras: {} }
  for (const [name, value] of Object.entries(attributes)) readAttribute(change, name, value, subject)
  chooseEncryption(change, attributes, subject)
  const fifo = fifoSettings(attributes, subject)
  if (fifo) change.settings.fifo = fifo
  return change
}

const readAttribute = (change: AttributeChange, name: string, value: string, subject: Subject): void => {
  const numbers = Object.hasOwn(NUMBER_ATTRIBUTES, name) ? NUMBER_ATTRIBUTES : NUMBER_EXTENSIONS
  const numeric = Object.hasOwn(numbers, name) ? numbers[name] : undefined
  if (numeric) {
    change.settings[numeric.setting] = wholeNumber(name, value, numeric.min, numeric.max)
    return
  }
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined
  if (read) read(change, value, subject)
  else if (!(FIFO_ATTRIBUTES as readonly string[]).includes(name)) throw unknownAttribute(name)
}

type Reader = (change: AttributeChange, value: string, subject: Subject) => void

const READERS: Readonly<Record<string, Reader>> = {
  Policy: ({ extras }, value) => {
    if (value !== '') checkPolicy(value)
    extras.Policy = value || null
  },
  RedrivePolicy: (change, value, { address, names }) => {
    change.redrivePolicy = value === '' ? null : parseRedrivePolicy(value, address, names)
  },
  RedriveAllowPolicy: ({ extras }, value) => {
    if (value !== '') checkRedriveAllowPolicy(value)
    extras.RedriveAllowPolicy = value || null
  },
  KmsMasterKeyId: ({ extras }, value) => {
    if (value.length > 2_048) throw invalidAttribute('KmsMasterKeyId')
    extras.KmsMasterKeyId = value || null
  },
  KmsDataKeyReusePeriodSeconds: ({ extras }, value) => {
    const seconds = wholeNumber('KmsDataKeyReusePeriodSeconds', value, 60, 86_400)
    // SQS does not return the default.
    extras.KmsDataKeyReusePeriodSeconds = seconds === 300 ? null : String(seconds)
  },
  SqsManagedSseEnabled: ({ extras }, value) => {
    extras.SqsManagedSseEnabled = flag('SqsManagedSseEnabled', value) ? null : 'false'
  },
  HoldfastRetryPolicy: ({ settings }, value) => {
    settings.retryPolicy = value === '' ? null : retryPolicy('HoldfastRetryPolicy', value)
  },
  HoldfastDeduplicationMode: ({ settings }, value) => {
    if (value !== 'window' && value !== 'pending') throw invalidAttribute('HoldfastDeduplicationMode')
    settings.deduplicationMode = value
  },
}

/**
 * A queue has at most one kind of encryption. Turning one on turns the other off, and a request for both is refused. As with
 * SQS, a queue whose key is removed has neither.
 */
const chooseEncryption = (
  { extras }: AttributeChange,
  given: Readonly<Record<string, string>>,
  { extras: present }: Subject,
): void => {
  if (given.SqsManagedSseEnabled === undefined) {
    if (given.KmsMasterKeyId === '' && present?.KmsMasterKeyId !== undefined) extras.SqsManagedSseEnabled = 'false'
    return
  }
  if (!flag('SqsManagedSseEnabled', given.SqsManagedSseEnabled)) return
  if (given.KmsMasterKeyId) {
    throw new SqsError(
      'InvalidAttributeName',
      'You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.',
    )
  }
  extras.KmsMasterKeyId = null
}

const wholeNumber = (name: string, text: string, min: number, max: number): number => {
  const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw invalidAttribute(name)
}

const RETRY_MEMBERS = ['initialSeconds', ...Object.keys(DEFAULT_RETRY_POLICY)]

/** `{"initialSeconds":1,"factor":2,"maximumSeconds":600,"jitter":"full"}`; the engine checks the ranges. */
const retryPolicy = (name: string, text: string): RetryPolicy => {
  let given: unknown
  try {
    given = parseStrictJson(text)
  } catch (error) {
    if (error instanceof JsonFault) throw invalidAttribute(name)
    throw error
  }
  if (!isObject(given) || Object.keys(given).some((key) => !RETRY_MEMBERS.includes(key))) {
    throw invalidAttribute(name)
  }
  const { initialSeconds, ...others } = given as Partial<RetryPolicy>
  if (initialSeconds === undefined) throw invalidAttribute(name)
  return { initialSeconds, ...DEFAULT_RETRY_POLICY, ...others }
}
