import type { Body, DeadLetterOrigin, JsonValue, MessageAttribute, MessageContent, NewMessage } from './message.ts'
import { encodeMessageId } from './message-id.ts'
import { type Segment, segmentDueAt } from './segment.ts'
import { priorityOf } from './segment-key.ts'

/**
 * The part of a segment that never changes: the bodies and attributes of its messages. Bodies are text or bytes, JSON already
 * serialized, so that a publisher that changes its objects afterwards does not change a message.
 */
export interface Content {
  readonly messages: readonly ContentMessage[]
}

export interface ContentMessage {
  readonly body: string | Uint8Array
  /** Whether the text of `body` is to be parsed before it is handed out. */
  readonly json?: true
  readonly attributes?: Readonly<Record<string, MessageAttribute>>
  readonly groupId?: string
  readonly deduplicationId?: string
  readonly traceHeader?: string
  readonly senderId?: string
  /** The id this message was published under, when its address has changed since. */
  readonly messageId?: string
  /** When a moved message was first published, epoch ms. */
  readonly publishedAt?: number
  readonly deadLetter?: DeadLetterOrigin
  readonly redriven?: RedriveOrigin
}

/**
 * What a redrive changed of a message, so that the redrive can be undone while nobody has received the message. Every other move of
 * the message drops it.
 */
export interface RedriveOrigin {
  /** The redrive that moved the message to where it is. */
  readonly taskId: string
  /** When the message was first published, epoch ms. */
  readonly publishedAt: number
  /** Why it was in the dead-letter queue; absent where a publisher sent it there. */
  readonly deadLetter?: DeadLetterOrigin
}

/** A message that a redrive moved, once something other than its redrive decides where it is. */
export const withoutRedrive = ({ redriven: _, ...message }: ContentMessage): ContentMessage => message

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export const toContent = (message: NewMessage): ContentMessage => {
  const { body, attributes, groupId, deduplicationId, traceHeader, senderId } = message
  const content: Mutable<ContentMessage> = {
    body: typeof body === 'string' ? body : body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body),
  }
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) content.json = true
  if (attributes && Object.keys(attributes).length > 0) content.attributes = copied(attributes)
  if (groupId !== undefined) content.groupId = groupId
  if (deduplicationId !== undefined) content.deduplicationId = deduplicationId
  if (traceHeader !== undefined) content.traceHeader = traceHeader
  if (senderId !== undefined) content.senderId = senderId
  return content
}

/** The body as its publisher gave it. What damage has left of JSON is handed out as text. Bytes are a copy, so that a consumer can't change what the next one gets. */
export const bodyOf = (message: ContentMessage): Body => {
  if (typeof message.body !== 'string') return Uint8Array.from(message.body)
  if (!message.json) return message.body
  try {
    return JSON.parse(message.body) as JsonValue
  } catch {
    return message.body
  }
}

const copied = (attributes: Readonly<Record<string, MessageAttribute>>): Record<string, MessageAttribute> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, value }]) => [
      name,
      { dataType, value: typeof value === 'string' ? value : Uint8Array.from(value) },
    ]),
  )

/** The parts of a message that never change. */
export const contentOf = (segment: Segment, content: Content, index: number): MessageContent => {
  const message = content.messages[index] as ContentMessage
  const { groupId, deduplicationId, traceHeader, senderId, deadLetter } = message
  const found: Mutable<MessageContent> = {
    messageId: message.messageId ?? encodeMessageId(segment.key, index),
    body: bodyOf(message),
    attributes: message.attributes ?? {},
    publishedAt: message.publishedAt ?? segment.publishedAt,
    dueAt: segmentDueAt(segment),
    priority: priorityOf(segment.key.sort),
  }
  if (groupId !== undefined) found.groupId = groupId
  if (deduplicationId !== undefined) found.deduplicationId = deduplicationId
  if (traceHeader !== undefined) found.traceHeader = traceHeader
  if (senderId !== undefined) found.senderId = senderId
  if (deadLetter) found.deadLetter = deadLetter
  return found
}
