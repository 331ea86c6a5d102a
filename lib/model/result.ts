import { createHash } from 'node:crypto'
import { base64, bytesOfBase64 } from './base64.ts'
import type { ContentMessage } from './content.ts'
import { LIMITS } from './limits.ts'
import type { Body, JsonValue, MessageAttribute } from './message.ts'
import type { MessageStatus } from './message-status.ts'
import type { ResultSettings } from './queue-settings.ts'

/** What went wrong with a message, as its consumer said it. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

/** What an ack says of the work. */
export type WorkOutcome =
  | { readonly kind: 'done'; readonly result?: Body | undefined }
  /** Done, and the result could not be stored: why. */
  | { readonly kind: 'unstored'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly content?: ContentMessage | undefined }

/** What the transaction that removes a message from its place says of it. */
export type Ending =
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'deadLettered'
      readonly queue: string
      readonly reason: string
      readonly failure?: Failure | undefined
    }
  /** Moved to another queue by a redrive. */
  | { readonly kind: 'moved'; readonly queue: string }

/** One message's part of a result item. */
export interface ResultEntry {
  /** Place of the message in its segment. */
  readonly index: number
  /** Version of the claim, or of the segment that an ending was decided on. */
  readonly version: number
  readonly outcome: WorkOutcome | Ending
}

/** A result item: what is told of messages of one segment at one instant. */
export interface ResultRecord {
  /** When the segment was published, epoch ms. */
  readonly publishedAt: number
  /** When the item was written, epoch ms. */
  readonly at: number
  readonly entries: readonly ResultEntry[]
}

/** What is known of a message's work. */
export interface ResultAnswer {
  readonly status: MessageStatus
  /** Of a message that is done; absent when its consumer gave none. */
  readonly result?: Body
  /** Of one that failed or was dead-lettered, where its consumer told. */
  readonly failure?: Failure
  /** Why there is no result though the work is done. */
  readonly unstored?: string
}

/**
 * How long after its receive a message can be acked without a look at whether it is still held: one more retention, at most an
 * hour. See `resultExpiry`.
 */
const promptMs = ({ retentionSeconds }: ResultSettings): number => Math.min(retentionSeconds, 3_600) * 1_000

/** The longest that a result is kept after the instant at which its message was last known to be held. */
export const resultsKeptMs = (results: ResultSettings): number => promptMs(results) + results.retentionSeconds * 1_000

export const isPrompt = (results: ResultSettings, receivedAt: number, now: number): boolean =>
  now <= receivedAt + promptMs(results)

/**
 * When the item of a claim expires, epoch ms.
 *
 * INVARIANT: of two claims of a message the item of the earlier one never outlives that of the later one, or an earlier
 * consumer's late ack would be what is left. So it is not counted from the ack, which may come at any time, but from
 * instants that are in the order of the claims: the receive, or a consistent read that saw the message held under the claim,
 * which is before the next receive. An item counted from the receive gets the time for a prompt ack on top, so that it is kept
 * for the retention, counted from the ack.
 */
export const resultExpiry = ({
  retentionSeconds,
  receivedAt,
  keptUntil,
  heldAt,
}: ResultSettings & {
  readonly receivedAt: number
  readonly keptUntil: number
  /** When the message was seen held under this claim, where that was looked at. */
  readonly heldAt?: number | undefined
}): number =>
  Math.min(Math.max(receivedAt + promptMs({ retentionSeconds }), heldAt ?? 0) + retentionSeconds * 1_000, keptUntil)

/** A failure with what it may hold at most. */
export const failureFrom = (error: unknown): Failure => {
  const { name, message, stack } =
    error !== null && typeof error === 'object' ? (error as Partial<Record<keyof Failure, unknown>>) : {}
  const text = typeof message === 'string' ? message : typeof error === 'string' ? error : inspected(error)
  return {
    name: cut(typeof name === 'string' && name !== '' ? name : 'Error', LIMITS.failureNameLength),
    message: cut(text, LIMITS.failureMessageLength),
    ...(typeof stack === 'string' && { stack: cut(stack, LIMITS.failureStackLength) }),
  }
}

const inspected = (error: unknown): string => {
  try {
    return (typeof error === 'object' ? JSON.stringify(error) : undefined) ?? String(error)
  } catch {
    return 'an error that can not be shown'
  }
}

const cut = (text: string, length: number): string => {
  const whole = text.toWellFormed()
  return whole.length > length ? `${whole.slice(0, length - 1).toWellFormed()}…` : whole
}

/** Bytes of a result as it counts towards the limit. */
export const resultBytes = (result: Body): number =>
  result instanceof Uint8Array ? result.byteLength : Buffer.byteLength(JSON.stringify(result), 'utf8')

/** How outcomes are told apart in an item; each byte is billed. */
const KINDS = { done: 0, json: 1, bytes: 2, failed: 3, unstored: 4, deadLettered: 5, cancelled: 6, moved: 7 } as const

type StoredEntry = readonly [index: number, version: number, kind: number, value?: JsonValue]

/**
 * The value of a result item: `[published at, written at, [index, version, kind, value], …]`. */
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
      const told = { ...failure, ...(content && { content: encodeContentMessage(content) }) }
      return [index, version, KINDS.failed, told as unknown as JsonValue]
    }
    case 'cancelled':
      return [index, version, KINDS.cancelled]
    case 'deadLettered':
    case 'moved': {
      const { kind, ...told } = outcome
      return [index, version, KINDS[kind], told as unknown as JsonValue]
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

/** Whether the transaction that removed the message wrote this. */
export const isEnding = (outcome: WorkOutcome | Ending): outcome is Ending =>
  outcome.kind === 'cancelled' || outcome.kind === 'deadLettered' || outcome.kind === 'moved'

/**
 * The entry that tells what became of a message that is no longer in its place: an ending, since it was committed
 * with the removal; else that of the latest claim. Whoever removed the message by an ack held the latest claim, and had written
 * its entry before. Of two entries of one claim the first one counts.
 */
export const decisive = (
  records: readonly ResultRecord[],
  index: number,
): { readonly record: ResultRecord; readonly entry: ResultEntry } | undefined => {
  let best: { record: ResultRecord; entry: ResultEntry } | undefined
  for (const record of records) {
    for (const entry of record.entries) {
      if (entry.index === index && (!best || isBefore(best, { record, entry }))) best = { record, entry }
    }
  }
  return best
}

type Told = { readonly record: ResultRecord; readonly entry: ResultEntry }
const isBefore = (a: Told, b: Told): boolean => {
  const [ended, ends] = [isEnding(a.entry.outcome), isEnding(b.entry.outcome)]
  if (ended !== ends) return ends
  if (a.entry.version !== b.entry.version) return a.entry.version < b.entry.version
  return b.record.at < a.record.at
}

/** Names a result item by what it is about, so that the same write sent again is the same item. */
export const resultName = (about: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const one of about) hash.update(one)
  return hash.digest('hex').slice(0, 12)
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
