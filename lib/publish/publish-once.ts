import type { Engine } from '../engine.ts'
import { isPending } from '../locate/locate.ts'
import { type ContentMessage, toContent } from '../model/content.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { isOrdered, isSequence, type Sequence, sequenceAfter, sequenceNumber, sequenceOf } from '../model/group.ts'
import type { NewMessage, PublishResult } from '../model/message.ts'
import { encodeMessageId } from '../model/message-id.ts'
import type { QueueState } from '../model/queue-record.ts'
import { observeThrottle } from '../queues/shards.ts'
import type { Document, DocumentKey, NewSegment, Write, WriteFailure } from '../store/port.ts'
import { unreadableTicket } from '../store/unreadable.ts'
import {
  deduplicationIdOf,
  deduplicationRecordKey,
  deduplicationWrite,
  type FirstPublish,
  firstPublish,
  isOfPurged,
} from './deduplication.ts'

/** A message of a request. */
export interface Entry {
  readonly message: NewMessage
  readonly content: ContentMessage
  /** Its place in the request. */
  readonly position: number
  /** The key of its deduplication record, if it has a deduplication id. */
  readonly deduplicationKey: DocumentKey | undefined
  /** Version of the record of an earlier message under the id, which was purged or is no longer pending; 0 without one. */
  readonly replaces: number
}

/** The segment and place that a message was given. */
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
  /** The results that an earlier try recorded. @throws `InvalidRequest` if that try had other messages */
  recorded(document: Document): PublishResult[]
}

/** Retried only when another publisher wrote to the group, or a duplicate was found. */
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
    const deduplicationKey = id === undefined ? undefined : deduplicationRecordKey(queue, message, id)
    const first = deduplicationKey && seen.get(deduplicationKey.partition)
    if (first !== undefined) repeats.push([position, first])
    else {
      if (deduplicationKey) seen.set(deduplicationKey.partition, position)
      entries.push({ message, content: toContent(message), position, deduplicationKey, replaces: 0 })
    }
  }
  return { entries, repeats }
}

export const asDuplicate = (result: PublishResult): PublishResult =>
  result.ok ? { ...result, duplicate: true } : result

/** A publish under way. */
interface Publication {
  readonly engine: Engine
  readonly queue: QueueState
  readonly place: Place
  readonly results: PublishResult[]
  readonly request: IdempotentRequest | undefined
  /** The last number given in groups whose ticket an earlier try found ahead. */
  readonly lastSequences: Map<string, Sequence>
  /** The shard of the first message, in the latest try. */
  shard: number
}

/**
 * Publishes messages in one transaction with their deduplication ids. A message whose id is taken gets the result of the message that
 * has the id. All others are stored together or not at all. The record of an idempotency key is part of the transaction. So
 * the record exists exactly when the messages were stored, or all were found to be duplicates, and of any number of tries one decides.
 */
export const publishOnce = async (
  engine: Engine,
  queue: QueueState,
  entries: readonly Entry[],
  place: Place,
  results: PublishResult[],
  request?: IdempotentRequest,
): Promise<void> => {
  const publication: Publication = { engine, queue, place, results, request, lastSequences: new Map(), shard: 0 }
  let pending: readonly Entry[] | undefined = entries
  try {
    for (let attempt = 0; pending !== undefined; attempt++) {
      if (attempt === TRIES) throw contended(queue)
      pending = await tryOnce(publication, pending)
    }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    if (error.code === 'Throttled') observeThrottle(engine, queue, publication.shard, error)
    fail(publication, { entries, pending: pending ?? [] }, error)
  }
}

const contended = ({ name }: QueueState): HoldfastError =>
  new HoldfastError('Throttled', 'other publishers keep writing to the same groups or ids: try again', {
    queue: name,
    reason: 'contention',
  })

/**
 * Sends one transaction. Returns the entries to try again, `undefined` when each has its result. Where all are duplicates, the next try
 * writes the record of the request alone: a repeat must not store them once their ids are free.
 */
const tryOnce = async (publication: Publication, pending: readonly Entry[]): Promise<readonly Entry[] | undefined> => {
  const { engine, queue, place, results, request, lastSequences } = publication
  const { writes, placed } = place(pending, lastSequences)
  publication.shard = placed[0]?.segment.segment.key.partition.shard ?? 0
  const ids = deduplicationWrites(engine, queue, pending, placed)
  const outcomes = [...results]
  for (const [at, { position }] of pending.entries()) outcomes[position] = published(firstOf(placed[at] as Placed))
  const recording = request ? [request.record(outcomes)] : []
  const outcome = await engine.store.transact([...writes, ...ids, ...recording])
  if (outcome.applied) {
    for (const { position } of pending) results[position] = outcomes[position] as PublishResult
    for (const { segment } of placed) engine.polls.release(segment.segment.key)
    return undefined
  }
  const earlier = outcome.failures.find(({ write }) => write === writes.length + ids.length)
  if (earlier) {
    // The record had expired, or the response did not contain it: the next try shows what is stored.
    if (!earlier.document) return pending
    for (const [position, result] of request?.recorded(earlier.document).entries() ?? []) results[position] = result
    return undefined
  }
  noteSequences(writes, outcome.failures, lastSequences)
  const left = await withoutDuplicates(engine, queue, pending, writes.length, outcome.failures, results)
  return left.length === 0 && !request ? undefined : left
}

const deduplicationWrites = (
  engine: Engine,
  queue: QueueState,
  pending: readonly Entry[],
  placed: readonly Placed[],
): Write[] =>
  pending.flatMap(({ deduplicationKey, replaces }, at) => {
    if (!deduplicationKey) return []
    const place = placed[at] as Placed
    const { publishedAt, expiresAt } = place.segment.segment
    const record = { ...firstOf(place), publishedAt }
    return [deduplicationWrite(deduplicationKey, record, deduplicatedUntil(engine, queue, expiresAt), replaces)]
  })

/** Gives the error to the messages that have no result. With an idempotency key the whole request fails with it. */
const fail = (
  { results, request }: Publication,
  { entries, pending }: { entries: readonly Entry[]; pending: readonly Entry[] },
  error: HoldfastError,
): void => {
  if (request) {
    // Either nothing or everything was stored, and a retry with the key finds out.
    if (!error.retryable) throw error
    for (const { position } of entries) results[position] = { ok: false, error }
    return
  }
  // A message that is known to be a duplicate keeps its result.
  for (const { position } of pending) results[position] ??= { ok: false, error }
}

const published = (first: FirstPublish): PublishResult => ({ ok: true, ...first })

const noteSequences = (
  writes: readonly Write[],
  failures: readonly WriteFailure[],
  lastSequences: Map<string, Sequence>,
): void => {
  for (const { write, lastSequence } of failures) {
    const tried = writes[write]
    if (tried?.kind !== 'advance' || lastSequence === undefined) continue
    if (!isSequence(lastSequence)) throw unreadableTicket(tried.key, 'its last number is none')
    lastSequences.set(tried.key.group, lastSequence)
  }
}

/** The result for a placed message, which its deduplication record holds too. */
export const firstOf = ({ segment: { segment }, index }: Placed): FirstPublish => ({
  messageId: encodeMessageId(segment.key, index),
  ...(isOrdered(segment.key.partition.group) && {
    sequenceNumber: sequenceNumber(sequenceAfter(sequenceOf(segment.key.sort), index)),
  }),
})

/** When the id is free again, epoch ms. In mode `pending` its record is kept as long as the message can be pending. */
export const deduplicatedUntil = (engine: Engine, { settings }: QueueState, expiresAt: number): number =>
  settings.deduplicationMode === 'pending'
    ? expiresAt
    : engine.clock.now() + settings.deduplicationWindowSeconds * 1_000

/** Gives each entry whose id another message has the result of that message. Returns the other entries, to be tried again. */
const withoutDuplicates = async (
  engine: Engine,
  queue: QueueState,
  pending: readonly Entry[],
  before: number,
  failures: readonly WriteFailure[],
  results: PublishResult[],
): Promise<Entry[]> => {
  const withIds = pending.filter(({ deduplicationKey }) => deduplicationKey)
  const left = new Map(pending.map((entry) => [entry, entry]))
  for (const { write, document } of failures) {
    const entry = withIds[write - before]
    if (!entry) continue
    if (!document || (await isFree(engine, queue, document))) {
      // The next try takes the id over, on condition that no other publisher did.
      left.set(entry, { ...entry, replaces: document?.version ?? 0 })
      continue
    }
    left.delete(entry)
    results[entry.position] = asDuplicate(published(firstPublish(document)))
  }
  return [...left.values()]
}

/** Whether an id is free again: its message was purged, or in mode `pending` is no longer in the queue. */
export const isFree = async (engine: Engine, queue: QueueState, document: Document): Promise<boolean> =>
  isOfPurged(queue, document) ||
  (queue.settings.deduplicationMode === 'pending' &&
    !(await isPending(engine, queue, firstPublish(document).messageId)))
