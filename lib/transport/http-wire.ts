import { base64 } from '../model/base64.ts'
import type { HoldfastError } from '../model/errors.ts'
import type {
  Body,
  DeadLetterOrigin,
  HandleResult,
  Message,
  MessageAttribute,
  MessageContent,
  MessageState,
  NewMessage,
  PublishResult,
  StoredMessage,
} from '../model/message.ts'
import type { MessageStatus } from '../model/message-status.ts'
import type { Queue } from '../model/queue-settings.ts'
import type { Failure, ResultAnswer } from '../model/result.ts'
import type { Counts } from '../queues/counts.ts'
import type { AckEntry } from '../settle/ack.ts'
import type { NackEntry } from '../settle/nack.ts'
import { errorFrom } from './wire-errors.ts'
import {
  bytesIn,
  countIn,
  instantIn,
  isObject,
  notHoldfast,
  objectIn,
  objectOf,
  present,
  textIn,
  type Wire,
} from './wire-values.ts'

/** The HTTP API's JSON, as a client writes and reads it: instants are ISO 8601 there and epoch ms here, bytes base64. */

export const newMessageJson = ({ body, attributes, dueAt, ...rest }: NewMessage): Wire => ({
  ...rest,
  ...(body instanceof Uint8Array ? { bodyBase64: base64(body) } : { body }),
  ...(dueAt !== undefined && { dueAt }),
  ...(attributes && {
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, { dataType, value }]) => [
        name,
        typeof value === 'string' ? { dataType, value } : { dataType, valueBase64: base64(value) },
      ]),
    ),
  }),
})

export const messageFrom = (given: unknown): Message => {
  const json = objectOf(given, 'a message')
  return {
    ...contentFrom(json),
    receiptHandle: textIn(json, 'receiptHandle'),
    receiveCount: countIn(json, 'receiveCount'),
    firstReceivedAt: instantIn(json, 'firstReceivedAt'),
    leasedUntil: instantIn(json, 'leasedUntil'),
  }
}

/** An ack as the API takes it: receipt handles, and if an ack has an outcome, one entry for each handle. */
export const ackJson = (entries: readonly (string | AckEntry)[]): { handles: string[]; results?: Wire[] } => {
  const handles = entries.map((entry) => (typeof entry === 'string' ? entry : entry.receiptHandle))
  if (entries.every((entry) => typeof entry === 'string')) return { handles }
  return { handles, results: entries.map((entry) => (typeof entry === 'string' ? {} : outcomeJson(entry))) }
}

/** The failures of a nack's messages, if any message has one. */
export const failuresJson = (entries: readonly NackEntry[]): Wire =>
  entries.some(({ failure }) => failure) ? { failures: entries.map(({ failure = null }) => failure) } : {}

const outcomeJson = ({ receiptHandle: _, result, ...outcome }: AckEntry): Wire => ({
  ...outcome,
  ...(result !== undefined && (result instanceof Uint8Array ? { resultBase64: base64(result) } : { result })),
})

/** What each status has beside its state, and what it may have. */
const STATUS_MEMBERS: { readonly [S in MessageStatus['state']]: readonly [readonly string[], (readonly string[])?] } = {
  delayed: [['visibleAt', 'receiveCount']],
  ready: [['receiveCount']],
  leased: [['until', 'receiveCount']],
  backingOff: [['visibleAt', 'receiveCount']],
  attemptsUsedUp: [['receiveCount']],
  done: [['at']],
  failed: [['at']],
  deadLettered: [['at', 'queue', 'reason']],
  cancelled: [['at']],
  gone: [[], ['reason', 'at', 'queue']],
}
const INSTANTS: ReadonlySet<string> = new Set(['visibleAt', 'until', 'at'])

const statusMember = (json: Wire, name: string): unknown =>
  name === 'receiveCount' ? countIn(json, name) : INSTANTS.has(name) ? instantIn(json, name) : textIn(json, name)

export const statusFrom = (given: unknown): MessageStatus => {
  const json = objectOf(given, 'a status')
  const state = textIn(json, 'state')
  if (!Object.hasOwn(STATUS_MEMBERS, state)) throw notHoldfast('a state that this client knows')
  const [required, optional = []] = STATUS_MEMBERS[state as MessageStatus['state']]
  const members = required.map((name) => [name, statusMember(json, name)])
  return { state, ...Object.fromEntries(members), ...present(json, optional, statusMember) } as MessageStatus
}

export const resultAnswerFrom = (json: Wire): ResultAnswer => ({
  status: statusFrom(json.status),
  ...(json.result !== undefined && { result: json.result as Body }),
  ...(json.resultBase64 !== undefined && { result: bytesIn(json, 'resultBase64') }),
  ...(json.failure !== undefined && { failure: failureFrom(objectIn(json, 'failure')) }),
  ...present(json, ['unstored'], textIn),
})

const failureFrom = (json: Wire): Failure => ({
  name: textIn(json, 'name'),
  message: textIn(json, 'message'),
  ...present(json, ['stack'], textIn),
})

const STATES: ReadonlySet<string> = new Set<MessageState>(['delayed', 'ready', 'leased', 'dead-lettered'])

export const storedMessageFrom = (given: unknown): StoredMessage => {
  const json = objectOf(given, 'a message')
  const state = textIn(json, 'state')
  if (!STATES.has(state)) throw notHoldfast('a state that this client knows')
  return {
    ...contentFrom(json),
    state: state as MessageState,
    queue: textIn(json, 'queue'),
    receiveCount: countIn(json, 'receiveCount'),
    ...present(json, ['firstReceivedAt'], instantIn),
    visibleAt: instantIn(json, 'visibleAt'),
    expiresAt: instantIn(json, 'expiresAt'),
  }
}

const contentFrom = (json: Wire): MessageContent => ({
  messageId: textIn(json, 'messageId'),
  body: bodyFrom(json),
  attributes: Object.fromEntries(
    Object.entries(objectIn(json, 'attributes')).map(([name, value]) => [name, attributeFrom(value)]),
  ),
  publishedAt: instantIn(json, 'publishedAt'),
  dueAt: instantIn(json, 'dueAt'),
  priority: countIn(json, 'priority'),
  ...present(json, ['groupId', 'deduplicationId', 'sequenceNumber', 'traceHeader', 'senderId'], textIn),
  ...(json.deadLetter !== undefined && { deadLetter: deadLetterFrom(objectIn(json, 'deadLetter')) }),
})

const bodyFrom = (json: Wire): Body => {
  if (json.bodyBase64 !== undefined) return bytesIn(json, 'bodyBase64')
  if (json.body !== undefined) return json.body as Body
  throw notHoldfast('a body')
}

const attributeFrom = (given: unknown): MessageAttribute => {
  if (typeof given === 'string') return { dataType: 'String', value: given }
  if (typeof given === 'number') return { dataType: 'Number', value: String(given) }
  const json = objectOf(given, 'an attribute')
  const value = json.valueBase64 === undefined ? textIn(json, 'value') : bytesIn(json, 'valueBase64')
  return { dataType: textIn(json, 'dataType'), value }
}

const deadLetterFrom = (json: Wire): DeadLetterOrigin => ({
  queue: textIn(json, 'queue'),
  reason: textIn(json, 'reason'),
  at: instantIn(json, 'at'),
  receiveCount: countIn(json, 'receiveCount'),
})

export const queueFrom = (given: unknown): Queue => {
  const json = objectOf(given, 'a queue')
  const {
    name: _,
    tags: __,
    createdAt: ___,
    modifiedAt: ____,
    counts: _____,
    redriveAllowPolicy: ______,
    ...rest
  } = json
  countIn(json, 'visibilityTimeoutSeconds')
  return {
    name: textIn(json, 'name'),
    settings: rest as unknown as Queue['settings'],
    createdAt: instantIn(json, 'createdAt'),
    modifiedAt: instantIn(json, 'modifiedAt'),
    tags: tagsFrom(objectIn(json, 'tags')),
    extras: {},
  }
}

const tagsFrom = (json: Wire): Queue['tags'] =>
  Object.fromEntries(Object.keys(json).map((name) => [name, textIn(json, name)]))

export const countsFrom = (answer: Wire): Counts => {
  const json = objectIn(answer, 'counts')
  if (typeof json.exact !== 'boolean') throw notHoldfast('a boolean exact')
  return {
    ready: countIn(json, 'ready'),
    delayed: countIn(json, 'delayed'),
    leased: countIn(json, 'leased'),
    ...present(json, ['oldestReadyAt'], instantIn),
    exact: json.exact,
  }
}

export const publishResultFrom = (given: unknown): PublishResult => {
  const json = objectOf(given, 'a result of a message')
  if (json.messageId === undefined) return { ok: false, error: errorIn(json) }
  return {
    ok: true,
    messageId: textIn(json, 'messageId'),
    ...present(json, ['sequenceNumber'], textIn),
    ...(json.duplicate === true && { duplicate: true }),
  }
}

export const handleResultFrom = (given: unknown): HandleResult => {
  const json = objectOf(given, 'a result of a receipt handle')
  if (json.ok === true) return { ok: true }
  if (json.ok === false) return { ok: false, error: errorIn(json) }
  throw notHoldfast('a result of a receipt handle')
}

/** Servers before `error` called it `problem`. */
const errorIn = (json: Wire): HoldfastError => {
  const { error = json.problem } = json
  if (isObject(error) && typeof error.code === 'string') return errorFrom(error)
  throw notHoldfast('an error with a code')
}
