import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError, reasonOf } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import type { Body, HandleResult } from '../model/message.ts'
import { failureFrom } from '../model/result.ts'
import { type AckEntry, ack as ackHandles } from './ack.ts'
import { extend as extendEach } from './extend.ts'
import { type NackEntry, nack as nackEach } from './nack.ts'
import { unreceive as unreceiveHandles } from './unreceive.ts'

/**
 * The operations on leased messages as users of the library call them. Each takes 1 to 25 messages or receipt handles, and options
 * that apply to all of them, and returns one result for each message, in order. The other files of this folder take one entry for
 * each message.
 */

/** A leased message, or its receipt handle. */
export type Handle = string | { readonly receiptHandle: string }

export interface ExtendOptions {
  /** The lease's new end, counted from now, seconds, 0 … 604800; 0 makes the messages receivable at once. */
  readonly visibilityTimeoutSeconds: number
  /**
   * Whether a lease that has ended starts again where no other consumer has received the message. No effect on FIFO queues, and
   * on queues with `maxInFlightPerGroup`.
   *
   * @default false
   */
  readonly revive?: boolean
}

export interface NackOptions {
  /** How long until the messages can be received again, seconds. @default by the queue's retry policy; 0 without one */
  readonly delaySeconds?: number
  /** Moves the messages to the queue's dead-letter queue at once. Not together with `delaySeconds`. */
  readonly deadLetter?: boolean
  /** The reason, with `deadLetter`: an error or a text. Its first 1,024 characters are stored with the messages. */
  readonly error?: unknown
  /**
   * What went wrong, for the producer, on a queue that keeps results. It is stored when the nack is final: with `deadLetter`, or
   * after the last receive that the queue allows. In the latter case the message moves to the dead-letter queue at once.
   */
  readonly failure?: unknown
}

export interface AckOptions {
  /** The result of the work, for the producer, on a queue that keeps results: at most 32 KB. */
  readonly result?: Body
  /** One result for each message, in the order of the messages, instead of `result`. */
  readonly results?: readonly (Body | undefined)[]
  /** Why the work failed for good. The producer reads it as the failure, and the messages are gone from the queue. */
  readonly failure?: unknown
}

export const ACK_FIELDS: FieldNames<AckOptions> = { result: true, results: true, failure: true }
export const NACK_FIELDS: FieldNames<NackOptions> = { delaySeconds: true, deadLetter: true, error: true, failure: true }
export const EXTEND_FIELDS: FieldNames<ExtendOptions> = { visibilityTimeoutSeconds: true, revive: true }

/** Deletes messages whose work is done. The ack of a message that is already gone succeeds. */
export const ack = async (
  engine: Engine,
  queue: string,
  messages: readonly Handle[],
  options: AckOptions = {},
): Promise<HandleResult[]> =>
  withOptionNames(ackHandles(engine, queue, ackEntries(handlesOf(messages), knownFields(options, ACK_FIELDS))))

/** @throws `InvalidRequest` unless there is one result for each message */
export const ackEntries = (
  receiptHandles: readonly string[],
  { result, results, failure }: AckOptions,
): readonly (string | AckEntry)[] => {
  if (results && results.length !== receiptHandles.length) {
    throw invalid('results', results.length, `must have one result for each of the ${receiptHandles.length} messages`)
  }
  if (result === undefined && !results && failure === undefined) return receiptHandles
  return receiptHandles.map((receiptHandle, position) => {
    const own = results ? results[position] : result
    return {
      receiptHandle,
      ...(own !== undefined && { result: own }),
      ...(failure !== undefined && { failure: failureFrom(failure) }),
    }
  })
}

/** Gives messages back, or moves them to the dead-letter queue. */
export const nack = async (
  engine: Engine,
  queue: string,
  messages: readonly Handle[],
  options: NackOptions = {},
): Promise<HandleResult[]> =>
  withOptionNames(nackEach(engine, queue, nackEntries(handlesOf(messages), knownFields(options, NACK_FIELDS))))

/** Gives leases a new end, counted from now. */
export const extend = async (
  engine: Engine,
  queue: string,
  messages: readonly Handle[],
  options: ExtendOptions,
): Promise<HandleResult[]> => {
  const { visibilityTimeoutSeconds, revive = false } = knownFields(options, EXTEND_FIELDS)
  const entries = handlesOf(messages).map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds }))
  return withOptionNames(extendEach(engine, queue, entries, { revive }))
}

/** Gives messages back as if they had not been received: they are visible at once, and the receive does not count. */
export const unreceive = async (engine: Engine, queue: string, messages: readonly Handle[]): Promise<HandleResult[]> =>
  unreceiveHandles(engine, queue, handlesOf(messages))

/** @throws `InvalidRequest` for a value that is no message and no receipt handle, such as the first message of an empty poll */
const handleOf = (message: Handle, position: number): string => {
  const handle: unknown =
    typeof message === 'string' ? message : (message as Partial<{ receiptHandle: unknown }>)?.receiptHandle
  if (typeof handle === 'string') return handle
  throw invalid(`messages[${position}]`, message, 'must be a message or its receipt handle')
}

/** @throws `InvalidRequest` unless the value is a list of messages or receipt handles */
export const handlesOf = (messages: readonly Handle[]): string[] => {
  if (!Array.isArray(messages)) throw invalid('messages', messages, 'must be a list of messages or receipt handles')
  return messages.map(handleOf)
}

export const nackEntries = (
  receiptHandles: readonly string[],
  { delaySeconds, deadLetter, error, failure }: NackOptions,
): NackEntry[] =>
  receiptHandles.map((receiptHandle) => ({
    receiptHandle,
    ...(delaySeconds !== undefined && { delaySeconds }),
    ...(deadLetter && { deadLetter }),
    ...(error !== undefined && { error: reasonOf(error).slice(0, LIMITS.reasonLength) }),
    ...(failure !== undefined && { failure: failureFrom(failure) }),
  }))

/** Changes the name of the field in an error from `entries[0].option` to `option`, because the caller gave options and no entries. */
export const withOptionNames = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    const field = isHoldfastError(error) ? error.fields.field : undefined
    const own = field?.replace(/^entries\[\d+\]\./, '')
    if (!isHoldfastError(error) || field === undefined || own === field) throw error
    const fields = { ...error.fields, field: own as string }
    throw new HoldfastError(error.code, error.message.replace(field, own as string), fields, { cause: error })
  }
}
