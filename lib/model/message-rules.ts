import { HoldfastError, invalid } from './errors.ts'
import { type FieldNames, knownFields } from './known-fields.ts'
import { LIMITS } from './limits.ts'
import { type Body, messageBytes, type NewMessage } from './message.ts'
import { checkNumber, checkWholeNumber } from './number-checks.ts'
import type { QueueState } from './queue-record.ts'

/** Refuses messages that can't be published. The error names the message by its place in the request. */
export const checkMessages = (queue: QueueState, messages: readonly NewMessage[]): void => {
  let total = 0
  for (const [position, message] of messages.entries()) {
    checkMessage(queue, message, `messages[${position}]`)
    total += messageBytes(message)
  }
  if (total > LIMITS.publishBytes) {
    throw new HoldfastError(
      'MessageTooLarge',
      `the messages have ${total} bytes together, and one publish takes up to ${LIMITS.publishBytes}`,
      { field: 'messages', value: total, queue: queue.name },
    )
  }
}

export const MESSAGE_FIELDS: FieldNames<NewMessage> = {
  body: true,
  attributes: true,
  delaySeconds: true,
  dueAt: true,
  priority: true,
  timeToLiveSeconds: true,
  groupId: true,
  deduplicationId: true,
  traceHeader: true,
  senderId: true,
}

/** The same check for one message, which the error names `field`. */
export const checkMessage = (queue: QueueState, message: NewMessage, field: string): void => {
  knownFields(message, MESSAGE_FIELDS, field)
  const { body, delaySeconds, dueAt, priority, timeToLiveSeconds } = message
  if (body === undefined) throw invalid(`${field}.body`, body, 'must be given')
  if (typeof body === 'string') checkText(`${field}.body`, body)
  if (delaySeconds !== undefined && dueAt !== undefined) {
    throw invalid(`${field}.dueAt`, dueAt, 'must not be given together with delaySeconds')
  }
  if (delaySeconds !== undefined) checkNumber(`${field}.delaySeconds`, delaySeconds, 0, LIMITS.delaySeconds)
  if (dueAt !== undefined) checkNumber(`${field}.dueAt`, dueAt, 0, LATEST_DUE_AT)
  if (priority !== undefined) checkPriority(`${field}.priority`, priority, queue)
  if (timeToLiveSeconds !== undefined) {
    checkWholeNumber(
      `${field}.timeToLiveSeconds`,
      timeToLiveSeconds,
      LIMITS.timeToLiveSecondsMin,
      LIMITS.retentionSeconds,
    )
  }
  if (message.groupId !== undefined) {
    checkGroupingId(`${field}.groupId`, message.groupId)
    if (priority) throw invalid(`${field}.priority`, priority, 'must not be given together with groupId')
  }
  if (message.deduplicationId !== undefined) checkGroupingId(`${field}.deduplicationId`, message.deduplicationId)
  if (message.traceHeader !== undefined) checkTraceHeader(`${field}.traceHeader`, message.traceHeader)
  checkAttributes(message, `${field}.attributes`)
  const bytes = messageBytes(message)
  // After the bytes, which can't be counted of a body that holds itself.
  const refusal = refusalOfNumbers(`${field}.body`, body)
  if (refusal) throw refusal
  checkBytes(queue, bytes, field)
}

const checkBytes = (
  { name, settings: { maximumMessageBytes: most } }: QueueState,
  bytes: number,
  field: string,
): void => {
  if (bytes <= most) return
  const advice =
    most < LIMITS.messageBytes ? "raise the queue's maximumMessageBytes" : 'store the body elsewhere, such as in S3'
  const message = `${field} has ${bytes} bytes, and the queue takes up to ${most}: ${advice}`
  throw new HoldfastError('MessageTooLarge', message, { field, value: bytes, queue: name })
}

const checkTraceHeader = (field: string, header: string): void => {
  if (typeof header !== 'string' || header.length < 1 || header.length > LIMITS.traceHeaderLength) {
    throw invalid(field, header, `must have 1 to ${LIMITS.traceHeaderLength} characters`)
  }
  checkText(field, header)
}

const checkPriority = (field: string, priority: number, { settings: { priorities, fifo } }: QueueState): void => {
  if (priority === 0) return
  if (priorities > 1) {
    checkWholeNumber(field, priority, 0, priorities - 1)
    return
  }
  const advice = fifo
    ? 'a FIFO queue keeps the order of publication'
    : 'the queue has one priority, and more with its setting priorities'
  throw invalid(field, priority, `must be 0 (${advice})`)
}

/** The year 9999: the last instant that every calendar and the 48 bits of a message id agree on. */
const LATEST_DUE_AT = 253_402_300_799_999
const GROUPING_ID = /^[\x21-\x7e]+$/

/** Group and deduplication ids: letters, digits and punctuation, as SQS takes them. */
export const checkGroupingId = (field: string, id: string): void => {
  if (typeof id !== 'string' || !GROUPING_ID.test(id) || id.length > LIMITS.groupIdLength) {
    throw invalid(field, id, `must be 1 to ${LIMITS.groupIdLength} letters, digits or punctuation characters`)
  }
}

const checkAttributes = ({ attributes = {} }: NewMessage, field: string): void => {
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw invalid(field, attributes, 'must be an object of attributes')
  }
  const names = Object.entries(attributes)
  if (names.length > LIMITS.attributesPerMessage) {
    throw invalid(field, names.length, `must hold at most ${LIMITS.attributesPerMessage} attributes`)
  }
  for (const [name, attribute] of names) {
    const named = `${field}.${name}`
    if (typeof attribute !== 'object' || attribute === null) {
      throw invalid(named, typeof attribute, 'must have a dataType and a value')
    }
    const { dataType, value } = attribute
    if (name.length < 1 || name.length > LIMITS.attributeNameLength) {
      throw invalid(field, name, `must have names of 1 to ${LIMITS.attributeNameLength} characters`)
    }
    checkText(field, name)
    if (
      typeof dataType !== 'string' ||
      !/^(String|Number|Binary)(\..*)?$/su.test(dataType) ||
      dataType.length > LIMITS.attributeNameLength
    ) {
      throw invalid(`${named}.dataType`, dataType, 'must be String, Number or Binary, or start with one and a dot')
    }
    const fits = dataType.startsWith('Binary') ? value instanceof Uint8Array : typeof value === 'string'
    if (!fits) {
      throw invalid(named, typeof value, `must have a value of its type ${dataType}`)
    }
    if (typeof value === 'string') checkText(named, value)
  }
}

/** Lone surrogates have no UTF-8 form: they would come back as other characters. */
const checkText = (field: string, text: string): void => {
  if (!text.isWellFormed()) throw invalid(field, '(text)', 'must be well-formed Unicode, without lone surrogates')
}

/**
 * JSON writes a number that is not finite as null: `1e400`, which a parser reads as Infinity, would come back as another body.
 *
 * Visits what JSON writes and nothing else: the fields of an object with `toJSON` may lead back to the object, and the walk would not end.
 */
export const refusalOfNumbers = (field: string, body: Body): HoldfastError | undefined => {
  const left: unknown[] = [body]
  while (left.length > 0) {
    const value = asJsonShows(left.pop())
    if (typeof value === 'number' && !Number.isFinite(value)) {
      return invalid(field, value, 'must have only numbers up to 1.8e308, which JSON can carry')
    }
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    for (const inner of Object.values(value))
      if (typeof inner === 'number' || typeof inner === 'object') left.push(inner)
  }
  return undefined
}

const asJsonShows = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function'
    ? value.toJSON('')
    : value

export const IDEMPOTENCY_KEY = new RegExp(`^[\\x21-\\x7e]{1,${LIMITS.idempotencyKeyLength}}$`)
export const IDEMPOTENCY_KEY_RULE = `must have 1 to ${LIMITS.idempotencyKeyLength} printable ASCII characters, none of them a space`
