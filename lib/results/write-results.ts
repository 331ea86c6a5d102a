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

/** An ack with what it says of the work. */
export interface WorkDone {
  readonly handle: ReceiptHandle
  readonly outcome: WorkOutcome
  /** When the message was seen held under this handle, epoch ms, where that was looked at. */
  readonly heldAt?: number
}

/** A result item to write, and the acks that it is for. */
export interface ResultWrite<T extends WorkDone> {
  readonly write: PutWrite
  readonly acks: readonly T[]
}

/** How long a process may not know that results were switched on, and how far its clock may be off, ms. */
const UNKNOWN_MS = QUEUE_CACHE_MS + 2_000

/** From when on the results of messages received are kept, epoch ms; nothing where none are. */
export const resultsKeptSince = ({ settings, resultsSince }: QueueState): number | undefined =>
  settings.results && (resultsSince === undefined ? 0 : resultsSince + UNKNOWN_MS)

/**
 * Whether an ack under this handle counts as the work's end. Not where the message was dropped before, which is what its
 * producer is told; nor where another process might have acked it without a result; nor under a handle of an old format.
 */
export const isTold = (queue: QueueState, handle: ReceiptHandle, now: number): handle is TellingHandle => {
  const { claim, receivedAt } = handle
  const since = resultsKeptSince(queue)
  if (since === undefined || receivedAt < since || !claim) return false
  const { fifo, delaySeconds } = queue.settings
  const dueAt = fifo ? claim.publishedAt + delaySeconds * 1_000 : dueAtOf(handle.sort)
  return expiryOf(queue, dueAt, claim.expiresAt) > now && !isPurged(queue, claim.publishedAt)
}

export type TellingHandle = ReceiptHandle & { readonly claim: HandleClaim }

/** Of an item's key and what JSON puts around its results. */
const ITEM_OVERHEAD_BYTES = 40

/**
 * The result items for acks of messages of one segment: those that fit into 2 KB together share one, larger ones have
 * their own. Pure; to be written before the messages are removed, or in the transaction that removes them.
 */
export const resultWrites = <T extends WorkDone & { readonly handle: TellingHandle }>(
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
    // Only what expires together, as all does that was received together: see `resultExpiry`.
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
      // What a claim said first stays.
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
  { handle: { receivedAt, claim }, heldAt }: WorkDone & { readonly handle: TellingHandle },
): number =>
  resultExpiry({ retentionSeconds: results?.retentionSeconds ?? 0, receivedAt, keptUntil: claim.keptUntil, heldAt })

/**
 * The write that tells what became of messages of a segment that are moved or cancelled, for the transaction which does that;
 * none where the queue keeps no results.
 *
 * It stays longer than any result of an earlier claim, which was held by now.
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
 * reads: nothing; the header of a message that was received more than a retention or an hour ago; the segment of one that
 * failed · writes: one item a segment, larger results one each · condition: none of this claim is there · a crash leaves an
 * item of a message that is still in its place, which nobody looks at
 *
 * @returns why some can't be acked, by their positions
 */
export const storeResults = async (
  engine: Engine,
  queue: QueueState,
  works: readonly PlacedWork[],
): Promise<Map<number, HandleResult>> => {
  const refused = new Map<number, HandleResult>()
  const now = engine.clock.now()
  const segments = new Map<string, { key: SegmentKey; acks: (PlacedWork & { handle: TellingHandle })[] }>()
  for (const work of works) {
    const { handle, outcome, position } = work
    const tooLarge = outcome.kind === 'done' && outcome.result !== undefined && largeResult(queue, outcome.result)
    if (tooLarge) refused.set(position, { ok: false, error: tooLarge })
    else if (isTold(queue, handle, now)) {
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
        held = await withKnown(engine, queue, key, acks, now)
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

/** The error for a result that is too large to be kept. */
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
 * The acks with what has to be read for them. One of a message that is no longer held has no result: its item would say
 * nothing, and a late one might be the last to expire.
 */
export const withKnown = async <T extends PlacedWork & { readonly handle: TellingHandle }>(
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

/** Within DynamoDB's 400 KB an item, as JSON. */
const MAX_CONTENT_BYTES = 300_000

/** A failure with the message that failed, so that it can be sent again. */
const withContent = ({ handle: { index }, outcome }: WorkDone, { segment, content }: StoredSegment): WorkOutcome => {
  const message = content?.messages[index]
  if (outcome.kind !== 'failed' || !message) return outcome
  const whole = { ...message, publishedAt: message.publishedAt ?? segment.publishedAt }
  const entry = { index, version: 0, outcome: { ...outcome, content: whole } }
  return Buffer.byteLength(JSON.stringify(encodeEntry(entry)), 'utf8') > MAX_CONTENT_BYTES ? outcome : entry.outcome
}

/** Names what a wait for a result in this process waits for. */
export const resultWakeup = (key: SegmentKey): string => `result ${resultPartition(key)}`
