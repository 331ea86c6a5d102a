import type { Engine } from '../engine.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { LIMITS, QUEUE_CACHE_MS } from '../model/limits.ts'
import type { Body, HandleResult } from '../model/message.ts'
import { expiryOf, isPurged, type QueueState } from '../model/queue-record.ts'
import { type HandleClaim, keyOfHandle, type ReceiptHandle } from '../model/receipt-handle.ts'
import {
  type Ending,
  encodeEntry,
  encodeResults,
  isPrompt,
  type ResultEntry,
  resultBytes,
  resultExpiry,
  resultName,
  resultsKeptMs,
  type WorkOutcome,
} from '../model/result.ts'
import { holds, type Segment, slotAt } from '../model/segment.ts'
import { dueAtOf, type SegmentKey, segmentId } from '../model/segment-key.ts'
import { headerAt } from '../store/header-at.ts'
import { resultKey, resultPartition, sharedResultKey } from '../store/keys.ts'
import type { DocumentKey, PutWrite, StoredSegment } from '../store/port.ts'

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

/** How long after results are switched on a process may not know it, plus how far its clock may be off, ms. */
const UNKNOWN_MS = QUEUE_CACHE_MS + 2_000

/** The queue keeps the results of messages received since this instant, epoch ms; `undefined` when it keeps none. */
export const resultsKeptSince = ({ settings, resultsSince }: QueueState): number | undefined =>
  settings.results && (resultsSince === undefined ? 0 : resultsSince + UNKNOWN_MS)

/**
 * Whether the outcome of an ack under this handle is recorded. It is not when the message was dropped before the ack, since
 * its producer reads that it was dropped; when another process might have acked it without a result; or when the handle has
 * an old format.
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

/** For an item's key, and for the JSON around its results. */
const ITEM_OVERHEAD_BYTES = 40

/**
 * The result items for acks of messages of one segment: results that fit into 2 KB together share an item, and each larger
 * one has its own. Pure. The caller writes them before it removes the messages, or in the transaction that removes them.
 */
export const resultWrites = <T extends WorkDone & { readonly handle: RecordableHandle }>(
  queue: QueueState,
  key: SegmentKey,
  acks: readonly T[],
  now: number,
): ResultWrite<T>[] => {
  const shares: { acks: [T, ...T[]]; entries: ResultEntry[]; bytes: number; expiresAt: number }[] = []
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
  const writeOf = (
    some: readonly [T, ...T[]],
    entries: readonly ResultEntry[],
    itemKey: DocumentKey,
  ): ResultWrite<T> => ({
    acks: some,
    write: {
      kind: 'put',
      key: itemKey,
      value: encodeResults({ publishedAt: some[0].handle.claim.publishedAt, at: now, entries }),
      expiresAt: expiryOfAck(queue, some[0]),
      // The first result of a claim stays.
      ifVersion: 0,
    },
  })
  return [
    ...shares.map(({ acks: some, entries }) =>
      writeOf(some, entries, sharedResultKey(key, resultName(some.map(({ handle }) => handle.token)))),
    ),
    ...alone.map(({ ack, entry }) =>
      writeOf([ack], [entry], resultKey(key, entry.index, resultName([ack.handle.token]))),
    ),
  ]
}

const expiryOfAck = (
  { settings: { results } }: QueueState,
  { handle: { receivedAt, claim }, heldAt }: WorkDone & { readonly handle: RecordableHandle },
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

/** An ack and its place in the request. */
export interface PlacedWork extends WorkDone {
  readonly position: number
}

/**
 * Writes the result items of acks, before any message is removed.
 *
 * reads: the header of a message that was received more than a retention or an hour ago, the segment of a message that
 * failed, else nothing · writes: one item a segment, and one for each larger result · condition: the item is absent · a crash
 * leaves an item of a message that is still stored, and nothing reads it while the message is
 *
 * @returns the errors of acks that must not go on, by their positions
 */
export const storeResults = async (
  engine: Engine,
  queue: QueueState,
  works: readonly PlacedWork[],
): Promise<Map<number, HandleResult>> => {
  const refused = new Map<number, HandleResult>()
  const now = engine.clock.now()
  const segments = new Map<string, { key: SegmentKey; acks: (PlacedWork & { handle: RecordableHandle })[] }>()
  for (const work of works) {
    const { handle, outcome, position } = work
    const tooLarge = outcome.kind === 'done' && outcome.result !== undefined && largeResult(queue, outcome.result)
    if (tooLarge) refused.set(position, { ok: false, error: tooLarge })
    else if (isRecordable(queue, handle, now)) {
      const key = keyOfHandle(queue, handle)
      const id = segmentId(key)
      const group = segments.get(id) ?? { key, acks: [] }
      segments.set(id, group)
      group.acks.push({ ...work, handle })
    }
  }
  const refuse = (acks: readonly PlacedWork[], error: unknown): void => {
    if (!isHoldfastError(error)) throw error
    for (const { position } of acks) refused.set(position, { ok: false, error })
  }
  await Promise.all(
    [...segments.values()].map(async ({ key, acks }) => {
      let held: typeof acks
      try {
        held = await withStoredState(engine, queue, key, acks, now)
      } catch (error) {
        return refuse(acks, error)
      }
      await Promise.all(
        resultWrites(queue, key, held, now).map(({ write, acks: some }) =>
          engine.store.transact([write]).catch((error: unknown) => refuse(some, error)),
        ),
      )
    }),
  )
  return refused
}

/** The error for a result that is too large to be kept; `undefined` for any other result. */
export const largeResult = (queue: QueueState, result: Body) => {
  const bytes = resultBytes(result)
  if (bytes <= LIMITS.resultBytes) return undefined
  return new HoldfastError(
    'MessageTooLarge',
    `the result has ${bytes} bytes, and at most ${LIMITS.resultBytes} are kept: store it elsewhere, such as in S3, and give its address as the result`,
    { field: 'result', value: bytes, queue: queue.name },
  )
}

/**
 * Reads what late acks and failures need: whether the message is still held, and the message that failed. Leaves out acks of
 * messages that are no longer held: their items would mean nothing, and a late item might be the last to expire.
 */
export const withStoredState = async <T extends PlacedWork & { readonly handle: RecordableHandle }>(
  engine: Engine,
  { settings: { results } }: QueueState,
  key: SegmentKey,
  acks: readonly T[],
  now: number,
): Promise<T[]> => {
  const isFailure = ({ outcome }: T) => outcome.kind === 'failed'
  const isLate = ({ handle }: T) => results !== undefined && !isPrompt(results, handle.receivedAt, now)
  if (!acks.some((ack) => isFailure(ack) || isLate(ack))) return [...acks]
  const stored = acks.some(isFailure) ? (await engine.store.read([key]))[0] : await withoutContent(engine, key)
  return acks.flatMap((ack): T[] => {
    if (!isFailure(ack) && !isLate(ack)) return [ack]
    if (!stored || !holds(slotAt(stored.segment, ack.handle.index), ack.handle.token)) return []
    return [{ ...ack, heldAt: now, outcome: withContent(ack, stored) }]
  })
}

const withoutContent = async (engine: Engine, key: SegmentKey): Promise<StoredSegment | undefined> => {
  const segment = await headerAt(engine.store, key, { consistent: true })
  return segment && { segment, content: undefined }
}

/** A failed message up to this size is kept with its failure, as JSON: an item of DynamoDB has at most 400 KB. */
const MAX_CONTENT_BYTES = 300_000

/** A failure together with the message that failed, so that the message can be sent again. */
const withContent = ({ handle: { index }, outcome }: WorkDone, { segment, content }: StoredSegment): WorkOutcome => {
  const message = content?.messages[index]
  if (outcome.kind !== 'failed' || !message) return outcome
  const whole = { ...message, publishedAt: message.publishedAt ?? segment.publishedAt }
  const entry = { index, version: 0, outcome: { ...outcome, content: whole } }
  return Buffer.byteLength(JSON.stringify(encodeEntry(entry)), 'utf8') > MAX_CONTENT_BYTES ? outcome : entry.outcome
}

/** The name of the wakeup that an ack in this process sends to waits for a result. */
export const resultWakeup = (key: SegmentKey): string => `result ${resultPartition(key)}`
