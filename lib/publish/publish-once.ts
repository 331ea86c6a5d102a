import type { Engine } from '../engine.ts'
import { isPending } from '../locate/locate.ts'
import { type ContentMessage, toContent } from '../model/content.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { isOrdered, type Sequence, sequenceAfter, sequenceNumber, sequenceOf } from '../model/group.ts'
import type { NewMessage, PublishResult } from '../model/message.ts'
import { encodeMessageId } from '../model/message-id.ts'
import type { QueueState } from '../model/queue-record.ts'
import { observeThrottle } from '../queues/shards.ts'
import type { Document, DocumentKey, NewSegment, Write, WriteFailure } from '../store/port.ts'
import {
  deduplicationIdOf,
  deduplicationRecordKey,
  deduplicationWrite,
  type FirstPublish,
  firstPublish,
  isForgotten,
} from './deduplication.ts'

/** A message on its way, with where it stood in the request. */
export interface Entry {
  readonly message: NewMessage
  readonly content: ContentMessage
  readonly position: number
  /** Where its deduplication id is remembered, if it has one. */
  readonly remembered: DocumentKey | undefined
  /** Version of what is remembered there of a message that was purged, or is no longer pending. */
  readonly replaces: number
}

/** Where a message came to stand. */
export interface Placed {
  readonly segment: NewSegment
  readonly index: number
}

/**
 * The writes that put messages in their place, and where each one then is, in order.
 *
 * @param lastSequences of groups whose ticket an earlier try found ahead: the last number given, by the group's hash
 */
export type Place = (
  entries: readonly Entry[],
  lastSequences: ReadonlyMap<string, Sequence>,
) => { readonly writes: readonly Write[]; readonly placed: readonly Placed[] }

/** A publish with an idempotency key, a repeat of which stores nothing more. */
export interface IdempotentRequest {
  /** The write that records what became of each message. */
  record(results: readonly PublishResult[]): Write
  /** What an earlier try recorded. @throws `InvalidRequest` where that was of other messages */
  recorded(document: Document): PublishResult[]
}

/** Each further try follows a publish of another into the group, or a duplicate found. */
const TRIES = 12

/** The entries of a request, and those that repeat another entry's id. */
export const entriesOf = (
  queue: QueueState,
  messages: readonly NewMessage[],
): { entries: Entry[]; repeats: (readonly [position: number, of: number])[] } => {
  const entries: Entry[] = []
  const repeats: [number, number][] = []
  const seen = new Map<string, number>()
  for (const [position, message] of messages.entries()) {
    const id = deduplicationIdOf(queue, message)
    const remembered = id === undefined ? undefined : deduplicationRecordKey(queue, message, id)
    const first = remembered && seen.get(remembered.partition)
    if (first !== undefined) repeats.push([position, first])
    else {
      if (remembered) seen.set(remembered.partition, position)
      entries.push({ message, content: toContent(message), position, remembered, replaces: 0 })
    }
  }
  return { entries, repeats }
}

export const asDuplicate = (result: PublishResult): PublishResult =>
  result.ok ? { ...result, duplicate: true } : result

/**
 * Publishes messages in one transaction with their deduplication ids, or answers for those whose id is taken what it
 * stands for. All that are left get through together or not at all. The record of an idempotency key is part of the
 * transaction: so there is a record exactly when the messages were stored, and of any number of tries one stores them.
 */
export const publishOnce = async (
  engine: Engine,
  queue: QueueState,
  entries: readonly Entry[],
  place: Place,
  results: PublishResult[],
  request?: IdempotentRequest,
): Promise<void> => {
  let pending = entries
  const lastSequences = new Map<string, Sequence>()
  let shard = 0
  try {
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt === TRIES)
        throw new HoldfastError('Throttled', 'others publish to the same place', {
          queue: queue.name,
          reason: 'contention',
        })
      const { writes, placed } = place(pending, lastSequences)
      shard = placed[0]?.segment.segment.key.partition.shard ?? 0
      const firsts = placed.map((where) => firstOf(where))
      const remembering = pending.flatMap(({ remembered, replaces }, at) => {
        const { publishedAt, expiresAt } = (placed[at] as Placed).segment.segment
        const first = { ...(firsts[at] as FirstPublish), publishedAt }
        return remembered
          ? [deduplicationWrite(remembered, first, deduplicatedUntil(engine, queue, expiresAt), replaces)]
          : []
      })
      const outcomes = [...results]
      for (const [at, { position }] of pending.entries()) outcomes[position] = published(firsts[at] as FirstPublish)
      const recording = request ? [request.record(outcomes)] : []
      const outcome = await engine.store.transact([...writes, ...remembering, ...recording])
      if (outcome.applied) {
        for (const { position } of pending) results[position] = outcomes[position] as PublishResult
        for (const { segment } of placed) engine.polls.release(segment.segment.key)
        return
      }
      const earlier = outcome.failures.find(({ write }) => write === writes.length + remembering.length)
      if (earlier) {
        // Without the document another round tells: it was past its time, or the answer did not have it.
        if (!earlier.document) continue
        for (const [position, result] of request?.recorded(earlier.document).entries() ?? []) results[position] = result
        return
      }
      noteSequences(writes, outcome.failures, lastSequences)
      pending = await withoutDuplicates(engine, queue, pending, writes.length, outcome.failures, results)
    }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    if (error.code === 'Throttled') observeThrottle(engine, queue, shard, error)
    if (request) {
      // A refusal is the whole request's, and so is a failure: nothing was stored, or all of it, or that is not known.
      if (!error.retryable) throw error
      for (const { position } of entries) results[position] = { ok: false, error }
      return
    }
    // What is known to be a duplicate stays one.
    for (const { position } of pending) results[position] ??= { ok: false, error }
  }
}

const published = (first: FirstPublish): PublishResult => ({ ok: true, ...first })

const noteSequences = (
  writes: readonly Write[],
  failures: readonly WriteFailure[],
  lastSequences: Map<string, Sequence>,
): void => {
  for (const { write, lastSequence } of failures) {
    const tried = writes[write]
    if (tried?.kind === 'advance' && lastSequence !== undefined) lastSequences.set(tried.key.group, lastSequence)
  }
}

/** What is answered, and remembered, of a message in its place. */
export const firstOf = ({ segment: { segment }, index }: Placed): FirstPublish => ({
  messageId: encodeMessageId(segment.key, index),
  ...(isOrdered(segment.key.partition.group) && {
    sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(segment.key.sort), index)),
  }),
})

/** Unique while pending, an id is remembered as long as its message can be pending. */
export const deduplicatedUntil = (engine: Engine, { settings }: QueueState, expiresAt: number): number =>
  settings.deduplicationMode === 'pending'
    ? expiresAt
    : engine.clock.now() + settings.deduplicationWindowSeconds * 1_000

/** Answers those whose id stands for a message already; the rest is left to be tried again. */
const withoutDuplicates = async (
  engine: Engine,
  queue: QueueState,
  pending: readonly Entry[],
  before: number,
  failures: readonly WriteFailure[],
  results: PublishResult[],
): Promise<Entry[]> => {
  const remembering = pending.filter(({ remembered }) => remembered)
  const left = new Map(pending.map((entry) => [entry, entry]))
  for (const { write, document } of failures) {
    const entry = remembering[write - before]
    if (!entry) continue
    if (!document || (await isFree(engine, queue, document))) {
      // Taken over on condition that nobody else did.
      left.set(entry, { ...entry, replaces: document?.version ?? 0 })
      continue
    }
    left.delete(entry)
    results[entry.position] = asDuplicate(published(firstPublish(document)))
  }
  return [...left.values()]
}

/** Whether an id no longer stands for its message: purged, or where that frees it acked, cancelled or moved on. */
export const isFree = async (engine: Engine, queue: QueueState, document: Document): Promise<boolean> =>
  isForgotten(queue, document) ||
  (queue.settings.deduplicationMode === 'pending' &&
    !(await isPending(engine, queue, firstPublish(document).messageId)))
