import type { CancelReason } from './cancel-reason.ts'
import { nameAdvice } from './closest-name.ts'
import type { MessageStatus } from './message-status.ts'

/**
 * Why an operation failed. One code is one reason. Its data is in fields, the underlying failure
 * in `cause`. HTTP statuses and SQS names are maps over these codes kept at the edges; the engine knows neither.
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
  /** Its consumer said that the work failed for good, or it is in the dead-letter queue: a wait for its result is in vain. */
  'MessageFailed',
  /** Cancelled, expired, purged, or nothing is known of it: a wait for its result is in vain. */
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
  /** One partition of the table is at its limit: more shards help. */
  | 'key-range'
  /** The table is at the maximum that was configured for it, on demand. */
  | 'configured-maximum'
  /** The table's provisioned capacity is used up. */
  | 'provisioned-capacity'
  /** The account's quota for a table is used up. */
  | 'account-limit'
  /** Not throttled at all: other writers kept changing the same items. */
  | 'contention'
  | 'unknown'

/** Data that helps the caller mend the request. */
export interface ErrorFields {
  /** The request field at fault, as the public API spells it, e.g. `messages[0].delaySeconds`. */
  readonly field?: string
  /** The value that was refused. Never a message body. */
  readonly value?: unknown
  /** The queue concerned. */
  readonly queue?: string
  /** Of `Throttled`. */
  readonly reason?: ThrottleReason
  /** Of the message, where its result was waited for. */
  readonly status?: MessageStatus
  /** Of `TransactionCanceled`. */
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

/** The error for a value outside what a field takes. */
export const invalid = (field: string, value: unknown, requirement: string): HoldfastError =>
  new HoldfastError('InvalidRequest', `${field} ${requirement}, but is ${show(value)}`, { field, value })

/** The error for a field that does not exist, among those that do at its place. */
export const unknownField = (field: string, value: unknown, known: readonly string[]): HoldfastError => {
  const name = field.slice(field.lastIndexOf('.') + 1)
  const advice = nameAdvice(name, known)
  const given = value === undefined ? '' : ` (${show(value)})`
  return new HoldfastError('InvalidRequest', `${shortened(field)}${given} is not a known field: ${advice}`, {
    field,
    value,
  })
}

export const queueNotFound = (queue: string): HoldfastError =>
  new HoldfastError('QueueNotFound', `queue ${show(queue)} does not exist`, { queue })

export const messageNotFound = (queue: string, messageId: string): HoldfastError => {
  const value = String(messageId).slice(0, 100)
  const message = `queue ${queue} has no message ${JSON.stringify(value)}`
  return new HoldfastError('MessageNotFound', message, { queue, field: 'messageId', value })
}

/** The error for a message that other processes changed at each try. */
export const messageContended = (queue: string): HoldfastError =>
  new HoldfastError('Throttled', 'other processes keep changing the message: try again', {
    queue,
    reason: 'contention',
  })

/** Whether `error` is one of ours, with this code when one is given. */
export const isHoldfastError = (error: unknown, code?: ErrorCode): error is HoldfastError =>
  error instanceof HoldfastError && (code === undefined || error.code === code)

/** What failed, as an error of ours; one of another kind is `Internal`. */
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

/** Whether a request was refused for what is in it, before anything was done: without the part at fault it may succeed. */
export const isRefusal = ({ code }: HoldfastError): boolean => code === 'InvalidRequest' || code === 'MessageTooLarge'

const show = (value: unknown): string => shortened(textOf(value))

const textOf = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return String(value)
  // What arrived as JSON may be nested deeper than can be written again.
  try {
    return JSON.stringify(value)
  } catch {
    return '(object)'
  }
}

const shortened = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

/** An error, or whatever else was thrown, as the reason that people read. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error
    ? error.name === 'Error'
      ? error.message
      : `${error.name}: ${error.message}`
    : typeof error === 'string'
      ? error
      : textOf(error)
