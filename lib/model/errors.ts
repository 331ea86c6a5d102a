import type { CancelReason } from './cancel-reason.ts'
import { nameAdvice } from './closest-name.ts'
import type { MessageStatus } from './message-status.ts'

/**
 * Why an operation failed. Each code is one reason. The error's data is in `fields`, the underlying failure in `cause`. The HTTP
 * API and the SQS endpoint map these codes to their own; the engine knows neither.
 */
export const ERROR_CODES = [
  'InvalidRequest',
  'QueueNotFound',
  'QueueExists',
  'QueueDeletedRecently',
  'PurgeInProgress',
  'MessageNotFound',
  'RedriveNotFound',
  'ReceiptHandleInvalid',
  'LeaseLost',
  'MessageTooLarge',
  'OperationInProgress',
  /** The work on the message failed for good, or the message is in the dead-letter queue: there will be no result. */
  'MessageFailed',
  /** The message was cancelled, has expired, was purged, or nothing is known of it: there will be no result. */
  'MessageGone',
  /** The work is done, and its result could not be stored. */
  'ResultNotStored',
  /** The time of a wait is over. */
  'TimedOut',
  'TransactionCanceled',
  'OutcomeUnknown',
  'NotSupported',
  'AccessDenied',
  'Throttled',
  'StoreUnavailable',
  'Internal',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['Throttled', 'StoreUnavailable'])

/** What a request was throttled by: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ThrottlingReason.html */
export type ThrottleReason =
  /** One partition of the table has reached its limit: more shards help. */
  | 'key-range'
  /** An on-demand table has reached the maximum that was configured for it. */
  | 'configured-maximum'
  /** The table's provisioned capacity is used up. */
  | 'provisioned-capacity'
  /** The account's quota for a table is used up. */
  | 'account-limit'
  /** No throttle: other writers changed the same items at each try. */
  | 'contention'
  | 'unknown'

/** Data that helps the caller correct the request. */
export interface ErrorFields {
  /** The request field at fault, as the public API spells it, e.g. `messages[0].delaySeconds`. */
  readonly field?: string
  /** The value that was refused. Never a message body. */
  readonly value?: unknown
  /** The queue concerned. */
  readonly queue?: string
  /** For `Throttled`. */
  readonly reason?: ThrottleReason
  /** The message's status, after a wait for its result. */
  readonly status?: MessageStatus
  /** For `TransactionCanceled`. */
  readonly reasons?: readonly CancelReason[]
}

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: ErrorCode
  readonly fields: ErrorFields
  /** Whether the same request may succeed when it is sent again unchanged. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.fields = fields
    this.retryable = RETRYABLE.has(code)
  }
}

/** The error for a value that a field does not accept. */
export const invalid = (field: string, value: unknown, requirement: string): HoldfastError =>
  new HoldfastError('InvalidRequest', `${field} ${requirement}, but is ${show(value)}`, { field, value })

/** The error for an unknown field; `known` are the fields of the same object. */
export const unknownField = (field: string, value: unknown, known: readonly string[]): HoldfastError => {
  const name = field.slice(field.lastIndexOf('.') + 1)
  const advice = nameAdvice(name, known)
  const given = value === undefined ? '' : ` (${show(value)})`
  return new HoldfastError('InvalidRequest', `${shortened(field)}${given} is not a known field: ${advice}`, {
    field,
    value,
  })
}

export const leaseLostError = (queue: string): HoldfastError =>
  new HoldfastError(
    'LeaseLost',
    'the lease ended, and the message has been received again since: leave it to that consumer. Extend leases before they end, or raise the visibility timeout',
    { queue },
  )

export const queueNotFound = (queue: string): HoldfastError =>
  new HoldfastError('QueueNotFound', `queue ${show(queue)} does not exist`, { queue })

export const messageNotFound = (queue: string, messageId: string): HoldfastError => {
  const value = String(messageId).slice(0, 100)
  const message = `queue ${queue} has no message ${JSON.stringify(value)}`
  return new HoldfastError('MessageNotFound', message, { queue, field: 'messageId', value })
}

/** The error when other processes changed a message at each try. */
export const messageContended = (queue: string): HoldfastError =>
  new HoldfastError('Throttled', 'other processes keep changing the message: try again', {
    queue,
    reason: 'contention',
  })

/** Whether `error` is a `HoldfastError`, and has this code if one is given. */
export const isHoldfastError = (error: unknown, code?: ErrorCode): error is HoldfastError =>
  error instanceof HoldfastError && (code === undefined || error.code === code)

/** An error as a `HoldfastError`; any other kind of error becomes `Internal`. */
export const asHoldfastError = (error: unknown): HoldfastError =>
  isHoldfastError(error) ? error : new HoldfastError('Internal', String(error), {}, { cause: error })

/** The result of work on a queue; undefined if the queue does not exist. */
export const ifQueueExists = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (isHoldfastError(error, 'QueueNotFound')) return undefined
    throw error
  }
}

/** Whether a request was refused for its content, before anything was done. Without the part at fault it may succeed. */
export const isRefusal = ({ code }: HoldfastError): boolean => code === 'InvalidRequest' || code === 'MessageTooLarge'

const show = (value: unknown): string => shortened(textOf(value))

const textOf = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return String(value)
  // A value from JSON may be nested too deeply to be written again.
  try {
    return JSON.stringify(value)
  } catch {
    return '(object)'
  }
}

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

/** The text of an error, or of any other thrown value, for people. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error
    ? error.name === 'Error'
      ? error.message
      : `${error.name}: ${error.message}`
    : typeof error === 'string'
      ? error
      : textOf(error)
