import { HoldfastError } from '../model/errors.ts'
import { LIMITS, QUEUE_CACHE_MS } from '../model/limits.ts'
import type { Body } from '../model/message.ts'
import { refusalOfNumbers } from '../model/message-rules.ts'
import { expiryOf, isPurged, type QueueState } from '../model/queue-record.ts'
import type { HandleClaim, ReceiptHandle } from '../model/receipt-handle.ts'
import {
  type Ending,
  type ResultEntry,
  resultBytes,
  resultExpiry,
  resultName,
  resultsKeptMs,
  type WorkOutcome,
} from '../model/result.ts'
import { encodeEntry, encodeResults } from '../model/result-codec.ts'
import type { Segment } from '../model/segment.ts'
import { dueAtOf, type SegmentKey } from '../model/segment-key.ts'
import { resultKey, resultPartition, sharedResultKey } from '../store/keys.ts'
import type { DocumentKey, PutWrite } from '../store/port.ts'

/** An ack with the outcome of the work. */
export interface WorkDone {
  readonly handle: ReceiptHandle
  readonly outcome: WorkOutcome
  /** When a read showed the message held under this handle, epoch ms; absent where nothing was read. */
  readonly heldAt?: number
}

/** A result item to write, and the acks that it is for. */
export interface ResultWrite<T extends WorkDone> {
  readonly write: PutWrite
  readonly acks: readonly T[]
}

/** For how long after results are switched on a process may not know that they are, and how far its clock may be off; together, ms. */
const SETTING_UNKNOWN_MS = QUEUE_CACHE_MS + 2_000

/** The queue keeps the results of messages received since this instant, epoch ms; `undefined` when it keeps none. */
export const resultsKeptSince = ({ settings, resultsSince }: QueueState): number | undefined =>
  settings.results && (resultsSince === undefined ? 0 : resultsSince + SETTING_UNKNOWN_MS)

/**
 * Whether the outcome of an ack under this handle is recorded. It is not recorded
 *
 * - when the message was dropped before the ack: its producer reads that it was dropped;
 * - when another process might have acked the message without a result;
 * - when the handle has an old format.
 */
export const isRecordable = (queue: QueueState, handle: ReceiptHandle, now: number): handle is RecordableHandle => {
  const { claim, receivedAt } = handle
  const since = resultsKeptSince(queue)
  if (since === undefined || receivedAt < since || !claim) return false
  const { fifo, delaySeconds } = queue.settings
  const dueAt = fifo ? claim.publishedAt + delaySeconds * 1_000 : dueAtOf(handle.sort)
  return expiryOf(queue, dueAt, claim.expiresAt) > now && !isPurged(queue, claim.publishedAt)
}

export type RecordableHandle = ReceiptHandle & { readonly claim: HandleClaim }

/** The bytes of an item's key, and of the JSON around its results. */
const ITEM_OVERHEAD_BYTES = 40

/**
 * The result items for acks of messages of one segment: results that fit into 2 KB together share an item, and each larger
 * one has its own. Pure. The caller writes them before it removes the messages, or in the transaction that removes them.
 */
export const resultWrites = <T extends RecordableWork>(
  queue: QueueState,
  key: SegmentKey,
  acks: readonly T[],
  now: number,
): ResultWrite<T>[] => {
  const { shares, alone } = inShares(queue, acks)
  return [
    ...shares.map(({ acks: some, entries }) => {
      const itemKey = sharedResultKey(key, resultName(some.map(({ handle }) => handle.token)))
      return writeOf(queue, some, entries, itemKey, now)
    }),
    ...alone.map(({ ack, entry }) =>
      writeOf(queue, [ack], [entry], resultKey(key, entry.index, resultName([ack.handle.token])), now),
    ),
  ]
}

export type RecordableWork = WorkDone & { readonly handle: RecordableHandle }

/** Acks whose results share an item. */
interface Share<T> {
  readonly acks: [T, ...T[]]
  readonly entries: ResultEntry[]
  bytes: number
  readonly expiresAt: number
}

/** Divides acks into those that share an item and those with one of their own. */
const inShares = <T extends RecordableWork>(
  queue: QueueState,
  acks: readonly T[],
): { shares: Share<T>[]; alone: { ack: T; entry: ResultEntry }[] } => {
  const shares: Share<T>[] = []
  const alone: { ack: T; entry: ResultEntry }[] = []
  for (const ack of acks) {
    const entry = { index: ack.handle.index, version: ack.handle.claim.version, outcome: ack.outcome }
    const bytes = Buffer.byteLength(JSON.stringify(encodeEntry(entry)), 'utf8')
    if (bytes > LIMITS.sharedResultBytes - ITEM_OVERHEAD_BYTES || ack.outcome.kind === 'failed') {
      alone.push({ ack, entry })
      continue
    }
    // Only results that expire at the same time share an item, as all do whose messages were received together.
    const expiresAt = expiryOfAck(queue, ack)
    const share = shares.findLast((one) => one.expiresAt === expiresAt)
    if (share && share.bytes + bytes <= LIMITS.sharedResultBytes) {
      share.acks.push(ack)
      share.entries.push(entry)
      share.bytes += bytes
    } else shares.push({ acks: [ack], entries: [entry], bytes: bytes + ITEM_OVERHEAD_BYTES, expiresAt })
  }
  return { shares, alone }
}

const writeOf = <T extends RecordableWork>(
  queue: QueueState,
  some: readonly [T, ...T[]],
  entries: readonly ResultEntry[],
  key: DocumentKey,
  now: number,
): ResultWrite<T> => ({
  acks: some,
  write: {
    kind: 'put',
    key,
    value: encodeResults({ publishedAt: some[0].handle.claim.publishedAt, at: now, entries }),
    expiresAt: expiryOfAck(queue, some[0]),
    // The first result of a claim stays.
    ifVersion: 0,
  },
})

const expiryOfAck = (
  { settings: { results } }: QueueState,
  { handle: { receivedAt, claim }, heldAt }: RecordableWork,
): number =>
  resultExpiry({ retentionSeconds: results?.retentionSeconds ?? 0, receivedAt, keptUntil: claim.keptUntil, heldAt })

/**
 * The result item for messages of a segment that a transaction moves or cancels, to be written by that transaction; none
 * where the queue keeps no results.
 *
 * The item outlives every result of an earlier claim, because each earlier claim was held before now.
 */
export const endingWrites = (
  queue: QueueState,
  segment: Segment,
  indexes: readonly number[],
  ending: Ending,
  now: number,
): PutWrite[] => {
  const { results } = queue.settings
  if (!results) return []
  const entries = indexes.map((index) => ({ index, version: segment.version, outcome: ending }))
  const name = resultName([ending.kind, ...indexes.map((index) => `${index}.${segment.version}`)])
  return [
    {
      kind: 'put',
      key: sharedResultKey(segment.key, name),
      value: encodeResults({ publishedAt: segment.publishedAt, at: now, entries }),
      expiresAt: now + resultsKeptMs(results),
    },
  ]
}

/** The error for a result that can't be kept: it is too large, or has a number that JSON can't carry. `undefined` for any other. */
export const refusedResult = (queue: QueueState, result: Body) => {
  const bytes = resultBytes(result)
  if (bytes <= LIMITS.resultBytes) return refusalOfNumbers('result', result)
  return new HoldfastError(
    'MessageTooLarge',
    `the result has ${bytes} bytes, and at most ${LIMITS.resultBytes} are kept: store it elsewhere, such as in S3, and give its address as the result`,
    { field: 'result', value: bytes, queue: queue.name },
  )
}

/** The name of the wakeup that an ack in this process sends to waits for a result. */
export const resultWakeup = (key: SegmentKey): string => `result ${resultPartition(key)}`
