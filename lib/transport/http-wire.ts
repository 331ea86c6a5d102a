import type { UnreadableItem } from '../messages/browse.ts'
import { base64, bytesOfBase64 } from '../model/base64.ts'
import { ERROR_CODES, type ErrorCode, HoldfastError, type ThrottleReason } from '../model/errors.ts'
import type { Body, HandleResult, Message, MessageAttribute, NewMessage, StoredMessage } from '../model/message.ts'
import type { MessageStatus } from '../model/message-status.ts'
import type { Queue } from '../model/queue-settings.ts'
import type { Failure, ResultAnswer } from '../model/result.ts'
import type { Counts } from '../queues/counts.ts'
import type { AckEntry } from '../settle/ack.ts'
import type { NackEntry } from '../settle/nack.ts'

/**
 * The HTTP API's JSON, as a client writes and reads it: instants are ISO 8601 there and epoch ms here, bytes base64.
 * Members that this version does not know are ignored, so that the client works with a newer server.
 */
export type Wire = Readonly<Record<string, unknown>>

const bytes = (text: unknown): Uint8Array => bytesOfBase64(String(text))
const at = (instant: unknown): number => Date.parse(String(instant))
const optionalAt = <K extends string>(key: K, instant: unknown): { [P in K]?: number } =>
  (instant === undefined ? {} : { [key]: at(instant) }) as { [P in K]?: number }

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

export const messageFrom = (json: Wire): Message =>
  ({
    ...contentFrom(json),
    firstReceivedAt: at(json.firstReceivedAt),
    leasedUntil: at(json.leasedUntil),
  }) as unknown as Message

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

const STATUS_INSTANTS = ['visibleAt', 'until', 'at'] as const

export const statusFrom = (json: Wire): MessageStatus => {
  const instants = STATUS_INSTANTS.flatMap((name) => (json[name] === undefined ? [] : [[name, at(json[name])]]))
  return { ...json, ...Object.fromEntries(instants) } as unknown as MessageStatus
}

export const resultAnswerFrom = ({ status, result, resultBase64, failure, unstored }: Wire): ResultAnswer => ({
  status: statusFrom(status as Wire),
  ...(result !== undefined && { result: result as Body }),
  ...(resultBase64 !== undefined && { result: bytes(resultBase64) }),
  ...(failure !== undefined && { failure: failure as Failure }),
  ...(unstored !== undefined && { unstored: String(unstored) }),
})

export const storedMessageFrom = ({ status: _, ...json }: Wire): StoredMessage =>
  ({
    ...contentFrom(json),
    visibleAt: at(json.visibleAt),
    expiresAt: at(json.expiresAt),
    ...optionalAt('firstReceivedAt', json.firstReceivedAt),
  }) as unknown as StoredMessage

export const unreadableFrom = ({ item, reason }: Wire): UnreadableItem => ({
  item: String(item),
  reason: String(reason),
})

const contentFrom = ({ bodyBase64, attributes = {}, deadLetter, ...json }: Wire): Wire => ({
  ...json,
  body: bodyBase64 === undefined ? (json.body as Body) : bytes(bodyBase64),
  attributes: Object.fromEntries(
    Object.entries(attributes as Wire).map(([name, value]) => [name, attributeFrom(value)]),
  ),
  publishedAt: at(json.publishedAt),
  dueAt: at(json.dueAt),
  ...(deadLetter !== undefined && { deadLetter: { ...(deadLetter as Wire), at: at((deadLetter as Wire).at) } }),
})

const attributeFrom = (given: unknown): MessageAttribute => {
  if (typeof given === 'string') return { dataType: 'String', value: given }
  if (typeof given === 'number') return { dataType: 'Number', value: String(given) }
  const { dataType, value, valueBase64 } = given as Wire
  return { dataType: String(dataType), value: valueBase64 === undefined ? String(value) : bytes(valueBase64) }
}

export const queueFrom = ({
  name,
  tags,
  createdAt,
  modifiedAt,
  counts: _,
  redriveAllowPolicy: __,
  ...settings
}: Wire): Queue => ({
  name: String(name),
  settings: settings as unknown as Queue['settings'],
  createdAt: at(createdAt),
  modifiedAt: at(modifiedAt),
  tags: tags as Queue['tags'],
  extras: {},
})

export const countsFrom = ({ counts }: Wire): Counts => {
  const { oldestReadyAt, ...rest } = counts as Wire
  return { ...rest, ...optionalAt('oldestReadyAt', oldestReadyAt) } as unknown as Counts
}

export const handleResultFrom = (json: Wire): HandleResult =>
  json.ok ? { ok: true } : { ok: false, error: errorFrom((json.error ?? json.problem) as Wire) }

const KNOWN: ReadonlySet<string> = new Set(ERROR_CODES)
/** The engine's codes for refusals that only the HTTP API has. */
const HTTP_CODES: Readonly<Record<string, ErrorCode>> = {
  CallerRefused: 'AccessDenied',
  MoveRefused: 'AccessDenied',
  RequestTooLarge: 'MessageTooLarge',
}

/** The error in a problem document (RFC 9457). */
export const errorFrom = (
  { code, status, detail, hint, field, value, queue, reason }: Wire,
  options?: ErrorOptions,
): HoldfastError =>
  new HoldfastError(
    KNOWN.has(String(code)) ? (code as ErrorCode) : (HTTP_CODES[String(code)] ?? codeOfStatus(Number(status))),
    hint === undefined ? String(detail) : `${String(detail)}. ${String(hint)}`,
    {
      ...(field !== undefined && { field: String(field) }),
      ...(value !== undefined && { value }),
      ...(queue !== undefined && { queue: String(queue) }),
      ...(reason !== undefined && { reason: reason as ThrottleReason }),
    },
    options,
  )

/** The code for a status alone: for an answer that is no problem document, or has a code that this version does not know. */
const codeOfStatus = (status: number): ErrorCode => {
  if (status === 401 || status === 403 || status === 407) return 'AccessDenied'
  if (status === 413) return 'MessageTooLarge'
  if (status === 429) return 'Throttled'
  if (status === 501) return 'NotSupported'
  // A proxy gave up waiting (408), or something behind it failed: the request may have been served.
  return status >= 500 || status === 408 ? 'StoreUnavailable' : 'InvalidRequest'
}

/** The error behind an answer that is no problem document, such as one of API Gateway's own. */
export const errorOfStatus = (url: URL, status: number, text: string): HoldfastError => {
  const doubt = status === 404 || status === 405 ? ': is that the address of a Holdfast API, with its stage?' : ''
  return new HoldfastError(codeOfStatus(status), `${url.origin} answered ${status}${doubt}${quoted(text)}`)
}

/** The beginning of an answer's text, without the tags of a page. */
export const quoted = (text: string): string => {
  const words = text
    .slice(0, 10_000)
    .replace(/<(style|script)\b.*?<\/\1>/gis, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  if (words === '') return ''
  return ` ${JSON.stringify(words.length > MAX_QUOTED ? `${words.slice(0, MAX_QUOTED)}…` : words)}`
}

const MAX_QUOTED = 300
