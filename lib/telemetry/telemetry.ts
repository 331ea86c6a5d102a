import type { HandleResult, Message, NewMessage, PublishResult } from '../model/message.ts'

/** What settles messages, in the words of the client. */
export type SettleVerb = 'ack' | 'nack' | 'unreceive'

/** A message as far as the caller of a settlement knows it. */
export interface Settled {
  readonly receiptHandle: string
  readonly messageId?: string
  readonly attributes?: Message['attributes']
}

/** What a publish of one message or of several came to. */
export type Published = { readonly messageId: string } | { readonly error: unknown }

/**
 * Traces and measures the work of one queue's client. Each method does the work that it is given, exactly once, and
 * answers or throws what that does.
 */
export interface QueueTelemetry {
  /** A lone publish: `send` gets the message with the trace context that it carries from now on. */
  publish(message: NewMessage, send: (message: NewMessage) => Promise<PublishResult>): Promise<PublishResult>
  /** A publish of several; `send` answers one outcome a message, in order. */
  publishBatch<R extends Published>(
    messages: readonly NewMessage[],
    send: (messages: readonly NewMessage[]) => Promise<R[]>,
  ): Promise<R[]>
  /** A poll that the application made itself. */
  poll(poll: () => Promise<Message[]>): Promise<Message[]>
  /** Starts what goes on by itself, as a worker does: outside of whatever span is active now. */
  detached<T>(start: () => T): T
  /** A poll of a worker, whose messages are told of when their handler runs. */
  workerPoll(poll: () => Promise<Message[]>): Promise<Message[]>
  /** A handler at work on a message; on several when `batch`. Answers what the handler returned. */
  process(messages: readonly Message[], batch: boolean, work: () => unknown): unknown
  /** `settle` answers the result of one message, or one result a message, in order. */
  settle<R extends HandleResult | HandleResult[]>(
    verb: SettleVerb,
    messages: readonly Settled[],
    settle: () => Promise<R>,
  ): Promise<R>
}

/** Where a client's queues are, as far as it knows. */
export interface Server {
  readonly address: string
  readonly port?: number
}

/** Traces and measures the clients that it is passed to: `openTelemetry()` of `holdfast/opentelemetry`. */
export interface Telemetry {
  queue(name: string, server: Server | undefined): QueueTelemetry
}

/** Does the work, and nothing else. */
export const noTelemetry: QueueTelemetry = {
  publish: (message, send) => send(message),
  publishBatch: (messages, send) => send(messages),
  poll: (poll) => poll(),
  detached: (start) => start(),
  workerPoll: (poll) => poll(),
  process: (_messages, _batch, work) => work(),
  settle: (_verb, _messages, settle) => settle(),
}
