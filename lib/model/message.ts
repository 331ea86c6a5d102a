import { base64 } from './base64.ts'
import type { HoldfastError } from './errors.ts'

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** The body of a message: a string as text, bytes as bytes, any other value as JSON. A poll returns the same kind. */
export type Body = JsonValue | Uint8Array

/**
 * A typed attribute beside the body, as SQS has them: `dataType` is `String`, `Number` or `Binary`, optionally with a
 * suffix (`Number.int`). The value is a string for the first two and bytes for the last.
 */
export interface MessageAttribute {
  readonly dataType: string
  readonly value: string | Uint8Array
}

/** A message as its publisher gives it. */
export interface NewMessage {
  readonly body: Body
  readonly attributes?: Readonly<Record<string, MessageAttribute>>
  /** Seconds until the message is due; the queue's own delay when absent. Not together with `dueAt`. */
  readonly delaySeconds?: number
  /** When the message is due, epoch ms; any distance ahead. An instant in the past means now. */
  readonly dueAt?: number
  /** 0 (default, last) up to the queue's number of priorities less one (first). */
  readonly priority?: number
  /** Seconds from the due time until the message is dropped, if that is before the end of the queue's retention. */
  readonly timeToLiveSeconds?: number
  /** Message group: order on FIFO queues, fairness on standard ones. */
  readonly groupId?: string
  readonly deduplicationId?: string
  /** AWS X-Ray trace header, passed through. */
  readonly traceHeader?: string
  /** Who published it, when the caller was authenticated. */
  readonly senderId?: string
}

/** The outcome of publishing one message. */
export type PublishResult =
  | { readonly ok: true; readonly messageId: string; readonly sequenceNumber?: string; readonly duplicate?: true }
  | { readonly ok: false; readonly error: HoldfastError }

/** Where and why a message in a dead-letter queue failed. */
export interface DeadLetterOrigin {
  readonly queue: string
  readonly reason: string
  /** Epoch ms. */
  readonly at: number
  /** How often it had been received by then, in every queue it was in. */
  readonly receiveCount: number
}

/** What stays the same over a message's life. Instants are epoch ms. */
export interface MessageContent {
  readonly messageId: string
  readonly body: Body
  readonly attributes: Readonly<Record<string, MessageAttribute>>
  readonly publishedAt: number
  readonly dueAt: number
  readonly priority: number
  readonly groupId?: string
  readonly deduplicationId?: string
  readonly sequenceNumber?: string
  readonly traceHeader?: string
  readonly senderId?: string
  readonly deadLetter?: DeadLetterOrigin
}

/** A message as a consumer receives it: it is the consumer's until `leasedUntil`. */
export interface Message extends MessageContent {
  readonly receiptHandle: string
  /** How often it has been received, this time included. */
  readonly receiveCount: number
  readonly firstReceivedAt: number
  readonly leasedUntil: number
}

export type MessageState = 'delayed' | 'ready' | 'leased' | 'dead-lettered'

/** A message, read without receiving it. */
export interface StoredMessage extends MessageContent {
  readonly state: MessageState
  /** The queue it is in now: the dead-letter queue once it is dead-lettered. */
  readonly queue: string
  readonly receiveCount: number
  readonly firstReceivedAt?: number
  /** When it can next be received: its due time, the end of its lease or of its backoff. */
  readonly visibleAt: number
  readonly expiresAt: number
}

/** The outcome of an operation on one receipt handle. */
export type HandleResult = { readonly ok: true } | { readonly ok: false; readonly error: HoldfastError }

const utf8Bytes = (text: string): number => Buffer.byteLength(text, 'utf8')

/** Text of a body as a client of a text protocol sees it: JSON serialized, bytes as base64. */
export const bodyText = (body: Body): string =>
  typeof body === 'string' ? body : body instanceof Uint8Array ? base64(body) : JSON.stringify(body)

const bodyBytes = (body: Body): number => (body instanceof Uint8Array ? body.byteLength : utf8Bytes(bodyText(body)))

/** The size that counts towards the limits: the body, and each attribute's name, data type and value, as SQS counts. */
export const messageBytes = (message: Pick<NewMessage, 'body' | 'attributes'>): number => {
  let bytes = bodyBytes(message.body)
  for (const [name, { dataType, value }] of Object.entries(message.attributes ?? {})) {
    bytes += utf8Bytes(name) + utf8Bytes(dataType) + (typeof value === 'string' ? utf8Bytes(value) : value.byteLength)
  }
  return bytes
}
