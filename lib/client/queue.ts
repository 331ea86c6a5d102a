import type { Clock } from '../clock.ts'
import {
  type Reading,
  type Received,
  type Rejecting,
  readMessage,
  reasonOf,
  rejectInvalid,
} from '../codecs/read-message.ts'
import { issuesText, type StandardSchema, validate } from '../codecs/schema.ts'
import type { BrowsePage } from '../messages/messages.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import { type HandleResult, type Message, messageBytes, type NewMessage, type StoredMessage } from '../model/message.ts'
import type { Queue } from '../model/queue-settings.ts'
import { producer } from '../producer/producer.ts'
import type { Counts } from '../queues/counts.ts'
import type { CallOptions, GivenQueueChange, Transport } from '../transport/port.ts'
import type { BatchHandler, Handler } from '../worker/handler.ts'
import { type BatchOptions, type ConsumeOptions, consume, type Worker } from '../worker/worker.ts'

/** How and when a message is delivered; the body stands beside it. */
export type PublishOptions = Omit<NewMessage, 'body' | 'senderId'>
/** One message of a batch. */
export interface PublishEntry<In> extends PublishOptions {
  readonly body: In
}

/** A message that is stored. */
export interface Sent {
  readonly messageId: string
  /** In a FIFO queue: 20 digits, rising within the group. */
  readonly sequenceNumber?: string
  /** Another message had the deduplication id before; `messageId` is that message's, and this one was not stored. */
  readonly duplicate?: true
}

/** One message's outcome of a batch, in the order given. */
export type PublishOutcome = ({ readonly ok: true } & Sent) | { readonly ok: false; readonly error: HoldfastError }

/** What stands for a leased message: itself, or its receipt handle. */
export type Handle = string | { readonly receiptHandle: string }

export interface PollOptions extends CallOptions {
  /** 1 … 25. @default 10 */
  readonly maxMessages?: number
  /** How long the messages are leased, seconds. @default the queue's */
  readonly visibilityTimeoutSeconds?: number
  /** How long to wait for a first message, seconds, 0 … 20. @default the queue's */
  readonly waitTimeSeconds?: number
  /** FIFO queues: a poll repeated with the same id within 5 minutes gets the same messages again. */
  readonly attemptId?: string
}

export interface ExtendOptions extends CallOptions {
  /** The lease's new end, counted from now, seconds; 0 makes the message receivable at once. */
  readonly visibilityTimeoutSeconds: number
}

export interface NackOptions extends CallOptions {
  /** Until it can be received again, seconds. @default what the queue's retry policy says; at once without one */
  readonly delaySeconds?: number
  /** Sends the message to the queue's dead-letter queue at once. */
  readonly deadLetter?: boolean
  /** Why, with `deadLetter`: stored with the message, shown and browsable. */
  readonly error?: unknown
}

/**
 * One queue. Verbs that take one message throw when they fail; given a list they answer one outcome each, in order, and
 * take any number, none included.
 */
export interface QueueClient<In, Out = In> {
  readonly name: string
  /** Stores a message. @throws `HoldfastError` when it was not stored, or when that is not known */
  publish(body: In, options?: PublishOptions & CallOptions): Promise<Sent>
  publishBatch(entries: readonly PublishEntry<In>[], options?: CallOptions): Promise<PublishOutcome[]>
  /**
   * Leases messages. One whose body can't be decoded or does not fit the schema is not among them: it goes to the
   * dead-letter queue with the reason, or stays leased where there is none, and `onInvalid` hears of it.
   */
  poll(options?: PollOptions): Promise<Received<Out>[]>
  ack(message: Handle, options?: CallOptions): Promise<void>
  ack(messages: readonly Handle[], options?: CallOptions): Promise<HandleResult[]>
  nack(message: Handle, options?: NackOptions): Promise<void>
  nack(messages: readonly Handle[], options?: NackOptions): Promise<HandleResult[]>
  extend(message: Handle, options: ExtendOptions): Promise<void>
  extend(messages: readonly Handle[], options: ExtendOptions): Promise<HandleResult[]>
  /** Gives messages back as if they had not been received: at once, and without counting the receive. */
  unreceive(message: Handle, options?: CallOptions): Promise<void>
  unreceive(messages: readonly Handle[], options?: CallOptions): Promise<HandleResult[]>

  /** Runs a handler on messages as they come, until the worker is stopped. */
  consume(handler: BatchHandler<Out>, options: BatchOptions): Worker
  consume(handler: Handler<Out>, options?: ConsumeOptions): Worker

  /** A message without receiving it; its body as it is stored. */
  get(messageId: string, options?: CallOptions): Promise<StoredMessage>
  /** A page of the queue without receiving anything. */
  browse(page?: { limit?: number; cursor?: string } & CallOptions): Promise<BrowsePage>
  /** Takes a message back that nobody is working on. */
  cancel(messageId: string, options?: CallOptions): Promise<void>
  reschedule(
    messageId: string,
    when: ({ delaySeconds: number } | { dueAt: number | Date }) & CallOptions,
  ): Promise<StoredMessage>

  settings(options?: CallOptions): Promise<Queue>
  update(change: GivenQueueChange, options?: CallOptions): Promise<Queue>
  counts(options?: CallOptions): Promise<Counts>
  purge(options?: CallOptions): Promise<void>

  /** Resolves when everything published before is settled. Never rejects: each publish has its own promise. */
  flush(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface QueueParts<In, Out> extends Reading<In, Out>, Rejecting {
  readonly transport: Transport
  readonly lingerMs: number
  readonly clock: Clock
  /** Of this process; leases in hand are judged by it. */
  readonly monotonic: Clock
}

export const queueClient = <In, Out>(parts: QueueParts<In, Out>): QueueClient<In, Out> => {
  const { transport, name, lingerMs, clock } = parts
  const coalescing = producer({
    send: (messages) => transport.publish(name, messages),
    ordered: name.endsWith('.fifo'),
    lingerMs,
    clock,
  })

  const encoded = async ({ body, ...options }: PublishEntry<In>): Promise<NewMessage> => {
    if (parts.schema) {
      const { issues } = await validate(parts.schema as StandardSchema, body)
      if (issues) {
        throw new HoldfastError('InvalidRequest', `body does not fit the queue's schema: ${issuesText(issues)}`, {
          field: 'body',
          queue: name,
        })
      }
    }
    return { ...options, body: parts.codec.encode(body) }
  }

  const publishBatch = async (
    entries: readonly PublishEntry<In>[],
    options: CallOptions = {},
  ): Promise<PublishOutcome[]> => {
    const outcomes = new Array<PublishOutcome>(entries.length)
    const messages: { position: number; message: NewMessage }[] = []
    for (const [position, entry] of entries.entries()) {
      try {
        messages.push({ position, message: await encoded(entry) })
      } catch (error) {
        if (!isHoldfastError(error)) throw error
        outcomes[position] = { ok: false, error }
      }
    }
    const publishSome = async (some: typeof messages): Promise<void> => {
      try {
        const results = await transport.publish(
          name,
          some.map(({ message }) => message),
          options,
        )
        for (const [index, { position }] of some.entries()) {
          const result = results[index]
          if (result) outcomes[position] = result
        }
      } catch (error) {
        if (!isHoldfastError(error)) throw error
        // One bad message fails the call before anything is written.
        if (some.length > 1 && !error.retryable) for (const one of some) await publishSome([one])
        else for (const { position } of some) outcomes[position] = { ok: false, error }
      }
    }
    // One after the other: in a FIFO queue the order given is the order stored.
    for (const batch of batches(messages)) await publishSome(batch)
    return outcomes
  }

  const readable = async (messages: readonly Message[]): Promise<Received<Out>[]> => {
    const read = await Promise.all(messages.map((message) => readMessage(parts, message)))
    const invalid = read.flatMap((one) => ('reason' in one ? [one] : []))
    if (invalid.length > 0) await rejectInvalid(parts, invalid)
    return read.flatMap((one) => ('received' in one ? [one.received] : []))
  }

  const settle = <O extends CallOptions>(
    apply: (handles: readonly string[], options: O) => Promise<HandleResult[]>,
  ): {
    (message: Handle, options: O): Promise<void>
    (messages: readonly Handle[], options: O): Promise<HandleResult[]>
  } =>
    (async (what: Handle | readonly Handle[], options: O) => {
      const handles = (Array.isArray(what) ? what : [what]).map(handleOf)
      const results: HandleResult[] = []
      for (let start = 0; start < handles.length; start += LIMITS.batchSize) {
        results.push(...(await apply(handles.slice(start, start + LIMITS.batchSize), options)))
      }
      if (Array.isArray(what)) return results
      const [only] = results
      if (only && !only.ok) throw only.error
      return undefined
    }) as never

  const flush = () => coalescing.flush()

  return {
    name,
    publish: async (body, { signal, ...options } = {}) => {
      const message = await encoded({ body, ...options })
      const result = await coalescing.publish(message, signal).catch((error: unknown) => {
        throw isHoldfastError(error) ? aboutOne(error) : error
      })
      if (!result.ok) throw aboutOne(result.error)
      const { ok: _, ...sent } = result
      return sent
    },
    publishBatch,
    poll: async ({ maxMessages = 10, ...options } = {}) =>
      readable(await transport.poll(name, { maxMessages, ...withoutUndefined(options) })),
    ack: settle((handles, options?: CallOptions) => transport.ack(name, handles, options)) as QueueClient<
      In,
      Out
    >['ack'],
    nack: settle((handles, { signal, delaySeconds, deadLetter, error }: NackOptions = {}) =>
      transport.nack(
        name,
        handles.map((receiptHandle) => ({
          receiptHandle,
          ...(delaySeconds !== undefined && { delaySeconds }),
          ...(deadLetter && { deadLetter }),
          ...(error !== undefined && { error: reasonOf(error) }),
        })),
        { signal },
      ),
    ) as QueueClient<In, Out>['nack'],
    extend: settle((handles, { signal, visibilityTimeoutSeconds }: ExtendOptions) =>
      transport.extend(
        name,
        handles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds })),
        { signal },
      ),
    ) as QueueClient<In, Out>['extend'],
    unreceive: settle((handles, options?: CallOptions) => transport.unreceive(name, handles, options)) as QueueClient<
      In,
      Out
    >['unreceive'],

    consume: (handler: Handler<Out> | BatchHandler<Out>, options?: ConsumeOptions | BatchOptions) =>
      consume({ ...parts, clock: parts.monotonic }, handler, options),

    get: (messageId, options) => transport.getMessage(name, messageId, options),
    browse: ({ signal, ...page } = {}) => transport.browse(name, page, { signal }),
    cancel: (messageId, options) => transport.cancelMessage(name, messageId, options),
    reschedule: (messageId, { signal, ...when }) =>
      transport.rescheduleMessage(
        name,
        messageId,
        'dueAt' in when ? { dueAt: Number(when.dueAt) } : { delaySeconds: when.delaySeconds },
        { signal },
      ),

    settings: (options) => transport.getQueue(name, options),
    update: (change, options) => transport.updateQueue(name, change, options),
    counts: (options) => transport.counts(name, options),
    purge: (options) => transport.purgeQueue(name, options),
    flush,
    [Symbol.asyncDispose]: flush,
  }
}

const handleOf = (what: Handle): string => (typeof what === 'string' ? what : what.receiptHandle)

/** The error of a lone publish, without the place in a list that the caller never made. */
const aboutOne = (error: HoldfastError): HoldfastError => {
  const { field, ...fields } = error.fields
  if (!field?.startsWith('messages[')) return error
  const own = field.replace(/^messages\[\d+\]\.?/, '') || 'message'
  return new HoldfastError(error.code, error.message.replace(field, own), { ...fields, field: own }, { cause: error })
}

/** As many messages at a time as one publish takes, by number and by bytes. */
function* batches<T extends { readonly message: NewMessage }>(messages: readonly T[]): Generator<T[]> {
  let batch: T[] = []
  let bytes = 0
  for (const one of messages) {
    const size = messageBytes(one.message)
    if (batch.length === LIMITS.batchSize || (batch.length > 0 && bytes + size > LIMITS.publishBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(one)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> }
const withoutUndefined = <T extends object>(given: T): Given<T> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Given<T>
