import { createHash } from 'node:crypto'
import type { ContentMessage } from './content.ts'
import { LIMITS } from './limits.ts'
import type { Body } from './message.ts'
import type { MessageStatus } from './message-status.ts'
import type { ResultSettings } from './queue-settings.ts'

/** What went wrong with a message, by its consumer. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

/** The outcome that an ack gives for the work on a message. */
export type WorkOutcome =
  | { readonly kind: 'done'; readonly result?: Body | undefined }
  /** The work is done, but its result could not be stored, for this reason. */
  | { readonly kind: 'unstored'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly content?: ContentMessage | undefined }

/** Why a transaction removed a message from its queue without an ack. */
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

/** A result item: the outcomes of messages of one segment, written at one instant. */
export interface ResultRecord {
  /** When the segment was published, epoch ms. */
  readonly publishedAt: number
  /** When the item was written, epoch ms. */
  readonly at: number
  readonly entries: readonly ResultEntry[]
}

/** What is known of a message and of the work on it. */
export interface ResultAnswer {
  readonly status: MessageStatus
  /** The result of a message that is done; absent when its consumer gave none. */
  readonly result?: Body
  /** The failure of a message that failed or was dead-lettered, where its consumer gave one. */
  readonly failure?: Failure
  /** Why there is no result though the work is done. */
  readonly unstored?: string
}

/**
 * How long after its receive a message can be acked without a read of whether it is still held: one retention, at most an
 * hour. See `resultExpiry`.
 */
const promptMs = ({ retentionSeconds }: ResultSettings): number => Math.min(retentionSeconds, 3_600) * 1_000

/** How long at most a result is kept after the instant at which its message was last known to be held. */
export const resultsKeptMs = (results: ResultSettings): number => promptMs(results) + results.retentionSeconds * 1_000

export const isPrompt = (results: ResultSettings, receivedAt: number, now: number): boolean =>
  now <= receivedAt + promptMs(results)

/**
 * When the item of a claim expires, epoch ms.
 *
 * INVARIANT: of two claims of a message, the item of the earlier claim never outlives the item of the later one. Otherwise an
 * earlier consumer's late ack would be the result that is left. So the retention is not counted from the ack, which may come
 * at any time. It is counted from an instant that follows the order of the claims: the receive, or a consistent read that
 * found the message held under the claim and so precedes the next receive. When it is counted from the receive, the time for
 * a prompt ack is added, so that the item is kept for a whole retention after the ack.
 */
export const resultExpiry = ({
  retentionSeconds,
  receivedAt,
  keptUntil,
  heldAt,
}: ResultSettings & {
  readonly receivedAt: number
  readonly keptUntil: number
  /** When a read showed the message held under this claim; absent where nothing was read. */
  readonly heldAt?: number | undefined
}): number =>
  Math.min(Math.max(receivedAt + promptMs({ retentionSeconds }), heldAt ?? 0) + retentionSeconds * 1_000, keptUntil)

/** An error as a failure: its name, message and stack, each cut to its limit. */
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

/** The bytes of a result that count towards the limit. */
export const resultBytes = (result: Body): number =>
  result instanceof Uint8Array ? result.byteLength : Buffer.byteLength(JSON.stringify(result), 'utf8')

/** Whether the transaction that removed the message wrote this outcome. */
const isEnding = (outcome: WorkOutcome | Ending): outcome is Ending =>
  outcome.kind === 'cancelled' || outcome.kind === 'deadLettered' || outcome.kind === 'moved'

/**
 * The entry that holds what became of a message that is no longer stored: an ending, since it was committed with the removal;
 * else the entry of the latest claim. The consumer whose ack removed the message held the latest claim, and its entry was
 * written before the removal. Of two entries of one claim the first one counts.
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

type EntryOfRecord = { readonly record: ResultRecord; readonly entry: ResultEntry }
const isBefore = (a: EntryOfRecord, b: EntryOfRecord): boolean => {
  const [ended, ends] = [isEnding(a.entry.outcome), isEnding(b.entry.outcome)]
  if (ended !== ends) return ends
  if (a.entry.version !== b.entry.version) return a.entry.version < b.entry.version
  return b.record.at < a.record.at
}

/** The name of a result item, a hash of what the item is about: the same write sent again names the same item. */
export const resultName = (about: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const one of about) hash.update(one)
  return hash.digest('hex').slice(0, 12)
}
