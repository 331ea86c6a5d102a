import type { Clock } from '../clock.ts'
import type { Reading } from '../codecs/read-message.ts'
import { issuesText, type StandardSchema, validate } from '../codecs/schema.ts'
import { HoldfastError, invalid, isHoldfastError, isRefusal } from '../model/errors.ts'
import { knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import { type MessageAttribute, messageBytes, type NewMessage, type PublishResult } from '../model/message.ts'
import { MESSAGE_FIELDS } from '../model/message-rules.ts'
import type { MessageStatus } from '../model/message-status.ts'
import { publishBatches } from '../model/publish-batches.ts'
import { producer } from '../producer/producer.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import type { CallOptions, Transport } from '../transport/port.ts'
import type { Awaiting, ResultOptions } from './awaiting.ts'

/** How and when a message is delivered. */
export interface PublishOptions extends Omit<NewMessage, 'body' | 'senderId' | 'dueAt' | 'attributes'> {
  /** When the message is due, epoch ms or a date. An instant in the past means now. */
  readonly dueAt?: number | Date
  /** A string is short for an attribute of type `String`, a number for one of type `Number`. */
  readonly attributes?: Readonly<Record<string, MessageAttribute | string | number>>
}
/** One message of a batch. */
export interface PublishEntry<In> extends PublishOptions {
  readonly body: In
}

/** A stored message, as its publisher sees it. */
export interface Sent {
  readonly messageId: string
  /** In a FIFO queue: 20 digits, rising within the group. */
  readonly sequenceNumber?: string
  /** An earlier message has the deduplication id: `messageId` is the earlier message's, and this message was not stored. */
  readonly duplicate?: true
  /** Waits for the result of the message, as the queue's `result` does. */
  result<R = unknown>(options?: ResultOptions): Promise<R>
  /** The status of the message: what it is doing, or what became of it. */
  status(options?: CallOptions): Promise<MessageStatus>
}

/** The outcome of one message of a batch. */
export type PublishOutcome = ({ readonly ok: true } & Sent) | { readonly ok: false; readonly error: HoldfastError }

export interface PublishingParts<In, Out> extends Reading<In, Out> {
  readonly transport: Pick<Transport, 'publish'>
  readonly name: string
  readonly telemetry: QueueTelemetry
  readonly lingerMs: number
  readonly clock: Clock
  readonly awaits: Awaiting
}

export interface Publishing<In> {
  publish(body: In, options?: PublishOptions & CallOptions): Promise<Sent>
  publishBatch(entries: readonly PublishEntry<In>[], options?: CallOptions): Promise<PublishOutcome[]>
  flush(): Promise<void>
}

/** The publishing half of a queue's client. It checks and encodes bodies, and lets single publishes share segments. */
export const publishing = <In, Out>(parts: PublishingParts<In, Out>): Publishing<In> => {
  const { transport, name, telemetry, lingerMs, clock, awaits } = parts
  const shared = producer({
    send: (messages) => transport.publish(name, messages),
    ordered: name.endsWith('.fifo'),
    lingerMs,
    clock,
  })
  return {
    publish: async (body, { signal, ...options } = {}) => {
      const message = await encode(parts, { body, ...options })
      const send = (traced: NewMessage) => shared.publish(traced, signal)
      const result = await telemetry.publish(message, send).catch((error: unknown) => {
        throw isHoldfastError(error) ? aboutOne(error) : error
      })
      if (!result.ok) throw aboutOne(result.error)
      const { ok: _, ...sent } = result
      return asSent(awaits, sent)
    },
    publishBatch: (entries, options = {}) => publishBatch(parts, entries, options),
    flush: () => shared.flush(),
  }
}

const encode = async <In, Out>(parts: PublishingParts<In, Out>, entry: PublishEntry<In>): Promise<NewMessage> => {
  const { body, ...options } = knownFields(entry, MESSAGE_FIELDS)
  await checkBody(parts.name, parts, body)
  return newMessage(parts.codec.encode(body), options)
}

/** Publishes the messages that can be encoded. Returns the outcomes of all. */
const publishBatch = async <In, Out>(
  parts: PublishingParts<In, Out>,
  entries: readonly PublishEntry<In>[],
  options: CallOptions,
): Promise<PublishOutcome[]> => {
  if (!Array.isArray(entries)) throw invalid('entries', entries, 'must be a list of messages')
  const { transport, name, telemetry, awaits } = parts
  const outcomes = new Array<PublishOutcome>(entries.length)
  const messages: NewMessage[] = []
  const positions: number[] = []
  for (const [position, entry] of entries.entries()) {
    try {
      messages.push(await encode(parts, entry))
      positions.push(position)
    } catch (error) {
      outcomes[position] = failed(error)
    }
  }
  if (messages.length === 0) return outcomes
  const send = (some: readonly NewMessage[]) => transport.publish(name, some, options)
  const published = await telemetry.publishBatch(messages, (traced) => publishAll(traced, send))
  for (const [index, position] of positions.entries()) {
    const one = published[index] as PublishResult
    outcomes[position] = one.ok ? asSent(awaits, one) : one
  }
  return outcomes
}

/** A stored message with its methods. The methods are not enumerable, so that the message looks like plain data. */
export const asSent = <S extends { readonly messageId: string }>(
  awaits: Awaiting,
  sent: S,
): S & Pick<Sent, 'result' | 'status'> =>
  Object.defineProperties(sent, {
    result: { value: (options?: ResultOptions) => awaits.result(sent.messageId, options) },
    status: { value: (options?: CallOptions) => awaits.status(sent.messageId, options) },
  }) as S & Pick<Sent, 'result' | 'status'>

/** @throws `InvalidRequest` for an invalid due time or invalid attributes */
export const newMessage = (
  body: NewMessage['body'],
  { dueAt, attributes, ...options }: PublishOptions,
): NewMessage => ({
  ...options,
  ...(dueAt !== undefined && { dueAt: instantOf(dueAt) }),
  ...(attributes !== undefined && { attributes: attributesOf(attributes) }),
  body,
})

const instantOf = (dueAt: number | Date): number => {
  const at = dueAt instanceof Date ? dueAt.getTime() : dueAt
  if (typeof at !== 'number' || Number.isNaN(at)) throw invalid('dueAt', dueAt, 'must be epoch milliseconds or a date')
  // The HTTP API takes whole milliseconds.
  return Math.round(at)
}

const attributesOf = (given: NonNullable<PublishOptions['attributes']>): NonNullable<NewMessage['attributes']> => {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalid('attributes', given, 'must be an object of attributes')
  }
  return Object.fromEntries(Object.entries(given).map(([name, attribute]) => [name, attributeOf(name, attribute)]))
}

const attributeOf = (name: string, given: MessageAttribute | string | number): MessageAttribute => {
  if (typeof given === 'string') return { dataType: 'String', value: given }
  if (typeof given === 'number') return { dataType: 'Number', value: String(given) }
  const { dataType, value } = (given ?? {}) as Partial<MessageAttribute>
  if (typeof dataType === 'string' && (typeof value === 'string' || value instanceof Uint8Array)) {
    return { dataType, value }
  }
  throw invalid(
    `attributes.${name}`,
    typeof given,
    'must be a text, a number, or an object with a dataType and a value',
  )
}

/** @throws `InvalidRequest` where a body does not fit its queue's schema */
export const checkBody = async <In, Out>(
  queue: string,
  { schema }: Pick<Reading<In, Out>, 'schema'>,
  body: In,
): Promise<void> => {
  if (!schema) return
  const { issues } = await validate(schema as StandardSchema, body)
  if (!issues) return
  throw new HoldfastError('InvalidRequest', `body does not fit the queue's schema: ${issuesText(issues)}`, {
    field: 'body',
    queue,
  })
}

type Send = (messages: readonly NewMessage[]) => Promise<PublishResult[]>

/** Publishes any number of messages, one call after the other, so that a FIFO queue stores them in the order given. */
const publishAll = async (messages: readonly NewMessage[], send: Send): Promise<PublishResult[]> => {
  const outcomes: PublishResult[] = []
  for (const batch of publishBatches(messages, messageBytes, LIMITS.publishBytes)) {
    outcomes.push(...(await publishTogether(batch, send)))
  }
  return outcomes
}

/** Publishes messages in one call. Returns their outcomes. */
const publishTogether = async (messages: readonly NewMessage[], send: Send): Promise<PublishResult[]> => {
  try {
    const results = await send(messages)
    return messages.map((_, index) => outcomeOf(results[index]))
  } catch (error) {
    const outcome = failed(error)
    if (messages.length === 1) return [{ ok: false, error: aboutOne(outcome.error) }]
    if (!isRefusal(outcome.error)) return messages.map(() => outcome)
    // One invalid message fails the call before anything is written. Sent alone, the others succeed.
    const outcomes: PublishResult[] = []
    for (const one of messages) outcomes.push(...(await publishTogether([one], send)))
    return outcomes
  }
}

const outcomeOf = (result: PublishResult | undefined): PublishResult => {
  if (!result)
    return failed(new HoldfastError('Internal', 'the publish answered fewer results than it was given messages'))
  return result
}

const failed = (error: unknown): { readonly ok: false; readonly error: HoldfastError } => {
  if (!isHoldfastError(error)) throw error
  return { ok: false, error }
}

/** The error of a single publish, without a position in a list: the caller gave no list. */
const aboutOne = (error: HoldfastError): HoldfastError => {
  const { field, ...fields } = error.fields
  if (!field?.startsWith('messages[')) return error
  const own = field.replace(/^messages\[\d+\]\.?/, '') || 'message'
  return new HoldfastError(error.code, error.message.replace(field, own), { ...fields, field: own }, { cause: error })
}
