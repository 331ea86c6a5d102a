import type { Clock } from '../clock.ts'
import { type Reading, type Received, type Rejecting, readMessage, rejectInvalid } from '../codecs/read-message.ts'
import { BROWSE_FIELDS, type BrowseOptions, type BrowsePage } from '../messages/browse.ts'
import { knownFields } from '../model/known-fields.ts'
import type { Message, StoredMessage } from '../model/message.ts'
import type { Queue } from '../model/queue-settings.ts'
import { withoutUndefined } from '../model/without-undefined.ts'
import type { Counts } from '../queues/counts.ts'
import type { QueueTelemetry } from '../telemetry/telemetry.ts'
import { CALL_FIELDS, type CallOptions, type GivenQueueChange, type Transport } from '../transport/port.ts'
import type { BatchHandler, Handler } from '../worker/handler.ts'
import { type BatchOptions, type ConsumeOptions, consume, type Worker } from '../worker/worker.ts'
import { type Awaiting, awaiting } from './awaiting.ts'
import { type PublishEntry, type PublishOptions, type PublishOutcome, publishing, type Sent } from './publishing.ts'
import { type Settling, settling } from './settling.ts'

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

/**
 * One queue. A verb that is given one message throws when it fails. Given a list of any length, the empty one included, it
 * returns one outcome for each message, in order.
 */
export interface QueueClient<In, Out = In> extends Settling, Awaiting {
  readonly name: string
  /** Stores a message. @throws `HoldfastError` when it was not stored, or when that is not known */
  publish(body: In, options?: PublishOptions & CallOptions): Promise<Sent>
  publishBatch(entries: readonly PublishEntry<In>[], options?: CallOptions): Promise<PublishOutcome[]>
  /**
   * Leases messages. A message whose body can't be decoded or does not fit the schema is not returned: the client moves it to
   * the dead-letter queue with the reason, or leaves it leased if the queue has none, and calls `onInvalid`.
   */
  poll(options?: PollOptions): Promise<Received<Out>[]>

  /** Runs a handler on messages as they arrive, until the worker is stopped. */
  consume(handler: BatchHandler<Out>, options: BatchOptions): Worker
  consume(handler: Handler<Out>, options?: ConsumeOptions): Worker

  /** Reads a message without receiving it; its body is as stored. */
  get(messageId: string, options?: CallOptions): Promise<StoredMessage>
  /** Reads a page of the queue without receiving messages. */
  browse(page?: BrowseOptions & CallOptions): Promise<BrowsePage>
  /** Sends a message that failed for good, or is in the dead-letter queue, once more through the queue, under its id. */
  resend(messageId: string, options?: CallOptions): Promise<StoredMessage>
  /** Deletes a message that is not leased. */
  cancel(messageId: string, options?: CallOptions): Promise<void>
  reschedule(
    messageId: string,
    when: ({ delaySeconds: number } | { dueAt: number | Date }) & CallOptions,
  ): Promise<StoredMessage>

  settings(options?: CallOptions): Promise<Queue>
  update(change: GivenQueueChange, options?: CallOptions): Promise<Queue>
  /**
   * Stops the delivery of messages, to pollers and to a trigger, within about five seconds; publishes and settling go on.
   * A queue that is paused stays so.
   */
  pause(options?: CallOptions): Promise<Queue>
  /** Goes on with the delivery. */
  resume(options?: CallOptions): Promise<Queue>
  counts(options?: CallOptions): Promise<Counts>
  purge(options?: CallOptions): Promise<void>

  /** Resolves when everything published before is settled. Never rejects: each publish has its own promise. */
  flush(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface QueueParts<In, Out> extends Reading<In, Out>, Rejecting {
  readonly transport: Transport
  readonly telemetry: QueueTelemetry
  readonly lingerMs: number
  readonly clock: Clock
  /** The process's monotonic clock, by which it decides when its leases end. */
  readonly monotonic: Clock
}

export const queueClient = <In, Out>(parts: QueueParts<In, Out>): QueueClient<In, Out> => {
  const { transport, name, telemetry } = parts
  const awaits = awaiting({ ...parts, clock: parts.monotonic })
  const { publish, publishBatch, flush } = publishing({ ...parts, awaits })
  return {
    name,
    publish,
    publishBatch,
    poll: async ({ maxMessages = 10, ...options } = {}) =>
      readable(parts, await telemetry.poll(() => transport.poll(name, { maxMessages, ...withoutUndefined(options) }))),
    ...settling(parts),
    consume: (handler: Handler<Out> | BatchHandler<Out>, options?: ConsumeOptions | BatchOptions) =>
      telemetry.detached(() => consume({ ...parts, clock: parts.monotonic }, handler, options)),
    ...awaits,
    ...messageVerbs(transport, name),
    ...queueVerbs(transport, name),
    flush,
    [Symbol.asyncDispose]: flush,
  }
}

/** The messages that could be read. The others are rejected. */
const readable = async <In, Out>(
  parts: QueueParts<In, Out>,
  messages: readonly Message[],
): Promise<Received<Out>[]> => {
  const read = await Promise.all(messages.map((message) => readMessage(parts, message)))
  const invalid = read.flatMap((one) => ('reason' in one ? [one] : []))
  if (invalid.length > 0) await rejectInvalid(parts, invalid)
  return read.flatMap((one) => ('received' in one ? [one.received] : []))
}

type MessageVerbs = Pick<QueueClient<unknown>, 'get' | 'browse' | 'resend' | 'cancel' | 'reschedule'>

const messageVerbs = (transport: Transport, name: string): MessageVerbs => ({
  get: (messageId, options) => transport.getMessage(name, messageId, options),
  browse: async (given = {}) => {
    const { signal, ...page } = knownFields(given, { ...BROWSE_FIELDS, ...CALL_FIELDS })
    return transport.browse(name, page, { signal })
  },
  resend: (messageId, options) => transport.resendMessage(name, messageId, options),
  cancel: (messageId, options) => transport.cancelMessage(name, messageId, options),
  reschedule: async (messageId, given) => {
    const { signal, ...when } = knownFields(given, { delaySeconds: true, dueAt: true, ...CALL_FIELDS })
    const to = 'dueAt' in when ? { dueAt: Math.round(Number(when.dueAt)) } : { delaySeconds: when.delaySeconds }
    return transport.rescheduleMessage(name, messageId, to, { signal })
  },
})

type QueueVerbs = Pick<QueueClient<unknown>, 'settings' | 'update' | 'pause' | 'resume' | 'counts' | 'purge'>

const queueVerbs = (transport: Transport, name: string): QueueVerbs => ({
  settings: (options) => transport.getQueue(name, options),
  update: (change, options) => transport.updateQueue(name, change, options),
  pause: (options) => transport.updateQueue(name, { paused: true }, options),
  resume: (options) => transport.updateQueue(name, { paused: false }, options),
  counts: (options) => transport.counts(name, options),
  purge: (options) => transport.purgeQueue(name, options),
})
