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

export const decodeResults = (value: JsonValue): ResultRecord => {
  const [publishedAt, at, ...entries] = value as unknown as [number, number, ...StoredEntry[]]
  return { publishedAt, at, entries: entries.map(decodeEntry) }
}

const decodeEntry = ([index, version, kind, value]: StoredEntry): ResultEntry => ({
  index,
  version,
  outcome: outcomeOf(kind, value),
})

const outcomeOf = (kind: number, value: JsonValue | undefined): WorkOutcome | Ending => {
  switch (kind) {
    case KINDS.json:
      return { kind: 'done', result: value as JsonValue }
    case KINDS.bytes:
      return { kind: 'done', result: bytesOfBase64(value as string) }
    case KINDS.unstored:
      return { kind: 'unstored', reason: value as string }
    case KINDS.failed: {
      const { content, ...failure } = value as unknown as Failure & { content?: JsonValue }
      return { kind: 'failed', failure, ...(content !== undefined && { content: decodeContentMessage(content) }) }
    }
    case KINDS.cancelled:
      return { kind: 'cancelled' }
    case KINDS.deadLettered:
      return { kind: 'deadLettered', ...(value as unknown as Omit<Ending & { kind: 'deadLettered' }, 'kind'>) }
    case KINDS.moved:
      return { kind: 'moved', ...(value as unknown as { queue: string }) }
    default:
      return { kind: 'done' }
  }
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
  const { bytes, attributes, ...rest } = json as unknown as Omit<ContentMessage, 'attributes'> & {
    bytes?: string
    attributes?: readonly (readonly [name: string, dataType: string, value: string, binary?: 1])[]
  }
  const decoded = attributes?.map(([name, dataType, value, binary]): [string, MessageAttribute] => [
    name,
    { dataType, value: binary ? bytesOfBase64(value) : value },
  ])
  return {
    ...rest,
    ...(bytes !== undefined && { body: bytesOfBase64(bytes) }),
    ...(decoded && { attributes: Object.fromEntries(decoded) }),
  }
}
