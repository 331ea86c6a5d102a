import type { HandleResult, Message, NewMessage, PublishResult } from '../model/message.ts'

/** The verbs of the client that settle messages. */
export type SettleVerb = 'ack' | 'nack' | 'unreceive'

/** What the caller of a settlement knows of a message. */
export interface Settled {
  readonly receiptHandle: string
  readonly messageId?: string
  readonly attributes?: Message['attributes']
}

/** What is known of a message where a handler works on it. */
export type Processed = Pick<Message, 'messageId' | 'receiveCount' | 'groupId' | 'attributes'>

/** The outcome of publishing one message. */
export type Published = { readonly messageId: string } | { readonly error: unknown }

/**
 * Traces and measures the work of one queue's client. Each method does the work that it is given exactly once, and returns or
 * throws what the work returns or throws.
 */
export interface QueueTelemetry {
  /** A publish of one message: `send` gets the message with its trace context. */
  publish(message: NewMessage, send: (message: NewMessage) => Promise<PublishResult>): Promise<PublishResult>
  /** A publish of several messages: `send` returns one outcome for each, in order. */
  publishBatch<R extends Published>(
    messages: readonly NewMessage[],
    send: (messages: readonly NewMessage[]) => Promise<R[]>,
  ): Promise<R[]>
  /** A poll that the application made itself. */
  poll(poll: () => Promise<Message[]>): Promise<Message[]>
  /** Starts work that continues in the background, such as a worker, outside of the span that is active now. */
  detached<T>(start: () => T): T
  /** A poll of a worker. It has no span: `process` traces its messages. */
  workerPoll(poll: () => Promise<Message[]>): Promise<Message[]>
  /** A run of a handler on one message, or on several when `batch`. Returns what the handler returned. */
  process(messages: readonly Processed[], batch: boolean, work: () => unknown): unknown
  /** A settlement: `settle` returns the result of one message, or one result for each message, in order. */
  settle<R extends HandleResult | HandleResult[]>(
    verb: SettleVerb,
    messages: readonly Settled[],
    settle: () => Promise<R>,
  ): Promise<R>
}

/** The address of a client's queues, as far as the client knows it. */
export interface Server {
  readonly address: string
  readonly port?: number
}

/** Traces and measures the clients that it is passed to: `openTelemetry()` of `holdfast/opentelemetry`. */
export interface Telemetry {
  queue(name: string, server: Server | undefined): QueueTelemetry
}

/** Does the work without tracing or measuring it. */
export const noTelemetry: QueueTelemetry = {
  publish: (message, send) => send(message),
  publishBatch: (messages, send) => send(messages),
  poll: (poll) => poll(),
  detached: (start) => start(),
  workerPoll: (poll) => poll(),
  process: (_messages, _batch, work) => work(),
  settle: (_verb, _messages, settle) => settle(),
}
