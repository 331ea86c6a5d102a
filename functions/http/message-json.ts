import type { MessageEdits } from '../../lib/messages/resend-message.ts'
import { base64, bytesOfBase64 } from '../../lib/model/base64.ts'
import { countThatFits } from '../../lib/model/count-that-fits.ts'
import type {
  Body,
  Message,
  MessageAttribute,
  MessageContent,
  NewMessage,
  StoredMessage,
} from '../../lib/model/message.ts'
import { plainName } from '../../lib/model/queue-name.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { MAX_ANSWER_BYTES } from '../runtime/answer-size.ts'
import type { MessageAttributeBody, NewMessageBody, ResendBody } from './publish-requests.ts'

/** Messages as the HTTP API writes and reads them. Instants are ISO 8601 on the outside, epoch ms inside. */

export const iso = (epochMs: number): string => new Date(epochMs).toISOString()

export const epochMs = (instant: string | number): number =>
  typeof instant === 'number' ? instant : Date.parse(instant)

export const newMessageFrom = (given: NewMessageBody): NewMessage => {
  const { body, bodyBase64, attributes, dueAt, ...rest } = given
  return {
    ...withoutUndefined(rest),
    body: bodyBase64 === undefined ? (body as Body) : bytesOfBase64(bodyBase64),
    ...(dueAt !== undefined && { dueAt: epochMs(dueAt) }),
    ...(attributes && { attributes: attributesFrom(attributes) }),
  }
}

export const editsFrom = ({ body, bodyBase64, attributes }: ResendBody): MessageEdits => ({
  ...(body !== undefined && { body: body as Body }),
  ...(bodyBase64 !== undefined && { body: bytesOfBase64(bodyBase64) }),
  ...(attributes && { attributes: attributesFrom(attributes) }),
})

const attributesFrom = (given: Readonly<Record<string, MessageAttributeBody>>): Record<string, MessageAttribute> =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [name, attributeFrom(value)]))

const attributeFrom = (given: MessageAttributeBody): MessageAttribute => {
  if (typeof given === 'string') return { dataType: 'String', value: given }
  if (typeof given === 'number') return { dataType: 'Number', value: String(given) }
  const { dataType, value, valueBase64 } = given
  return { dataType, value: valueBase64 === undefined ? (value ?? '') : bytesOfBase64(valueBase64) }
}

const attributeJson = ({ dataType, value }: MessageAttribute): MessageAttributeBody => {
  if (typeof value !== 'string') return { dataType, valueBase64: base64(value) }
  if (dataType === 'String') return value
  // Numbers in SQS have up to 38 digits. A number that JSON would round stays text.
  if (dataType === 'Number' && String(Number(value)) === value && Number.isFinite(Number(value))) return Number(value)
  return { dataType, value }
}

const contentJson = (message: MessageContent) => ({
  messageId: message.messageId,
  ...(message.body instanceof Uint8Array ? { bodyBase64: base64(message.body) } : { body: message.body }),
  attributes: Object.fromEntries(
    Object.entries(message.attributes).map(([name, value]) => [name, attributeJson(value)]),
  ),
  publishedAt: iso(message.publishedAt),
  dueAt: iso(message.dueAt),
  priority: message.priority,
  ...(message.groupId !== undefined && { groupId: message.groupId }),
  ...(message.deduplicationId !== undefined && { deduplicationId: message.deduplicationId }),
  ...(message.sequenceNumber !== undefined && { sequenceNumber: message.sequenceNumber }),
  ...(message.traceHeader !== undefined && { traceHeader: message.traceHeader }),
  ...(message.senderId !== undefined && { senderId: message.senderId }),
  ...(message.deadLetter && {
    deadLetter: {
      queue: plainName(message.deadLetter.queue),
      reason: message.deadLetter.reason,
      at: iso(message.deadLetter.at),
      receiveCount: message.deadLetter.receiveCount,
    },
  }),
})

export const messageJson = (message: Message) => ({
  ...contentJson(message),
  receiptHandle: message.receiptHandle,
  receiveCount: message.receiveCount,
  firstReceivedAt: iso(message.firstReceivedAt),
  leasedUntil: iso(message.leasedUntil),
})

export const storedMessageJson = (message: StoredMessage) => ({
  ...contentJson(message),
  state: message.state,
  queue: plainName(message.queue),
  receiveCount: message.receiveCount,
  ...(message.firstReceivedAt !== undefined && { firstReceivedAt: iso(message.firstReceivedAt) }),
  visibleAt: iso(message.visibleAt),
  expiresAt: iso(message.expiresAt),
})

/** How many of the elements, from the first one on, fit into one answer. */
export const fitting = (elements: readonly unknown[]): number =>
  countThatFits(elements, (element) => Buffer.byteLength(JSON.stringify(element)) + 1, MAX_ANSWER_BYTES)
