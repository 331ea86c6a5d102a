import { base64, bytesOfBase64 } from './base64.ts'
import type { ContentMessage } from './content.ts'
import type { JsonValue, MessageAttribute } from './message.ts'
import type { Ending, Failure, ResultEntry, ResultRecord, WorkOutcome } from './result.ts'

/** The numbers of the kinds of outcomes in an item: short, because each byte is billed. */
const KINDS = { done: 0, json: 1, bytes: 2, failed: 3, unstored: 4, deadLettered: 5, cancelled: 6, moved: 7 } as const

type StoredEntry = readonly [index: number, version: number, kind: number, value?: JsonValue]

/** The value of a result item: `[published at, written at, [index, version, kind, value], …]`. */
export const encodeResults = ({ publishedAt, at, entries }: ResultRecord): JsonValue => [
  publishedAt,
  at,
  ...entries.map((entry) => encodeEntry(entry) as unknown as JsonValue),
]

export const encodeEntry = ({ index, version, outcome }: ResultEntry): StoredEntry => {
  switch (outcome.kind) {
    case 'done':
      if (outcome.result === undefined) return [index, version, KINDS.done]
      return outcome.result instanceof Uint8Array
        ? [index, version, KINDS.bytes, base64(outcome.result)]
        : [index, version, KINDS.json, outcome.result]
    case 'unstored':
      return [index, version, KINDS.unstored, outcome.reason]
    case 'failed': {
      const { failure, content } = outcome
      const detail = { ...failure, ...(content && { content: encodeContentMessage(content) }) }
      return [index, version, KINDS.failed, detail as unknown as JsonValue]
    }
    case 'cancelled':
      return [index, version, KINDS.cancelled]
    case 'deadLettered':
    case 'moved': {
      const { kind, ...detail } = outcome
      return [index, version, KINDS[kind], detail as unknown as JsonValue]
    }
  }
}

/** @throws where the value is damaged, or has an outcome of a kind that this version does not know */
export const decodeResults = (value: JsonValue): ResultRecord => {
  const [publishedAt, at, ...entries] = Array.isArray(value) ? (value as readonly unknown[]) : []
  if (typeof publishedAt !== 'number' || typeof at !== 'number') throw new Error('it holds no results')
  return { publishedAt, at, entries: entries.map(decodeEntry) }
}

const decodeEntry = (entry: unknown): ResultEntry => {
  const [index, version, kind, value] = Array.isArray(entry) ? (entry as readonly unknown[]) : []
  if (typeof index !== 'number' || typeof version !== 'number') throw new Error('a result names no message')
  return { index, version, outcome: outcomeOf(kind, value as JsonValue | undefined) }
}

const outcomeOf = (kind: unknown, value: JsonValue | undefined): WorkOutcome | Ending => {
  switch (kind) {
    case KINDS.done:
      return { kind: 'done' }
    case KINDS.json:
      return { kind: 'done', result: value as JsonValue }
    case KINDS.bytes:
      return { kind: 'done', result: bytesOfBase64(text(value)) }
    case KINDS.unstored:
      return { kind: 'unstored', reason: text(value) }
    case KINDS.failed: {
      const { content, ...failure } = withTexts<Failure & { content?: JsonValue }>(value, ['name', 'message'])
      return { kind: 'failed', failure, ...(content !== undefined && { content: decodeContentMessage(content) }) }
    }
    case KINDS.cancelled:
      return { kind: 'cancelled' }
    case KINDS.deadLettered:
      return { kind: 'deadLettered', ...withTexts<DeadLettered>(value, ['queue', 'reason']) }
    case KINDS.moved:
      return { kind: 'moved', ...withTexts<{ queue: string }>(value, ['queue']) }
    default:
      throw new Error(`a result is of the unknown kind ${kind}`)
  }
}

type DeadLettered = Omit<Ending & { kind: 'deadLettered' }, 'kind'>

const text = (value: unknown): string => {
  if (typeof value === 'string') return value
  throw new Error('a result is no text')
}

const withTexts = <T>(value: unknown, names: readonly (keyof T)[]): T => {
  const given = (value ?? {}) as T
  for (const name of names) text(given[name])
  return given
}

/** A message as JSON, so that one that failed can be published again from its result. */
const encodeContentMessage = ({ body, attributes, ...rest }: ContentMessage): JsonValue =>
  ({
    ...rest,
    ...(typeof body === 'string' ? { body } : { bytes: base64(body) }),
    ...(attributes && {
      attributes: Object.entries(attributes).map(([name, { dataType, value }]) =>
        typeof value === 'string' ? [name, dataType, value] : [name, dataType, base64(value), 1],
      ),
    }),
  }) as unknown as JsonValue

const decodeContentMessage = (json: JsonValue): ContentMessage => {
  const { bytes, attributes, ...rest } = (json ?? {}) as unknown as Omit<ContentMessage, 'attributes'> & {
    bytes?: string
    attributes?: unknown
  }
  const body = bytes === undefined ? text(rest.body) : bytesOfBase64(text(bytes))
  if (attributes === undefined) return { ...rest, body }
  if (!Array.isArray(attributes)) throw new Error('the attributes of a message are no list')
  return { ...rest, body, attributes: Object.fromEntries(attributes.map(decodeAttribute)) }
}

const decodeAttribute = (attribute: unknown): [string, MessageAttribute] => {
  const [name, dataType, value, binary] = Array.isArray(attribute) ? (attribute as readonly unknown[]) : []
  return [text(name), { dataType: text(dataType), value: binary ? bytesOfBase64(text(value)) : text(value) }]
}
