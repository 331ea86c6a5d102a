import type { Engine } from '../engine.ts'
import { isPending } from '../locate/locate.ts'
import { type ContentMessage, toContent } from '../model/content.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { sequenceAfter, sequenceNumber, sequenceOf } from '../model/group.ts'
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

/** The writes that put messages in their place; where the first is a group's ticket, `lastSequence` is what it met. */
export type Place = (
  contents: readonly ContentMessage[],
  entries: readonly Entry[],
  lastSequence: string | undefined,
) => { readonly writes: readonly Write[]; readonly placed: readonly Placed[] }

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
      entries.push({ message, position, remembered, replaces: 0 })
    }
  }
  return { entries, repeats }
}

export const asDuplicate = (result: PublishResult): PublishResult =>
  'error' in result ? result : { ...result, duplicate: true }

/**
 * Publishes messages in one transaction with their deduplication ids, or answers for those whose id is taken what it
 * stands for. All that are left get through together or not at all.
 */
export const publishOnce = async (
  engine: Engine,
  queue: QueueState,
  entries: readonly Entry[],
  place: Place,
  results: PublishResult[],
): Promise<void> => {
  let pending = entries
  let lastSequence: string | undefined
  let shard = 0
  try {
    for (let attempt = 0; pending.length > 0; attempt++) {
      if (attempt === TRIES)
        throw new HoldfastError('Throttled', 'others publish to the same place', {
          queue: queue.name,
          reason: 'contention',
        })
      const { writes, placed } = place(
        pending.map(({ message }) => toContent(message)),
        pending,
        lastSequence,
      )
      shard = placed[0]?.segment.segment.key.partition.shard ?? 0
      const firsts = placed.map((where) => firstOf(where))
      const remembering = pending.flatMap(({ remembered, replaces }, at) => {
        const { publishedAt, expiresAt } = (placed[at] as Placed).segment.segment
        const first = { ...(firsts[at] as FirstPublish), publishedAt }
        return remembered
          ? [deduplicationWrite(remembered, first, deduplicatedUntil(engine, queue, expiresAt), replaces)]
          : []
      })
      const outcome = await engine.store.transact([...writes, ...remembering])
      if (outcome.applied) {
        for (const [at, { position }] of pending.entries()) results[position] = firsts[at] as FirstPublish
        return
      }
      lastSequence = outcome.failures.find(({ write }) => write === 0)?.lastSequence ?? lastSequence
      pending = await withoutDuplicates(engine, queue, pending, writes.length, outcome.failures, results)
    }
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    if (error.code === 'Throttled') observeThrottle(engine, queue, shard, error)
    // What is known to be a duplicate stays one.
    for (const { position } of pending) results[position] ??= { error }
  }
}

/** What is answered, and remembered, of a message in its place. */
export const firstOf = ({ segment: { segment }, index }: Placed): FirstPublish => ({
  messageId: encodeMessageId(segment.key, index),
  ...(segment.key.partition.group !== undefined && {
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
    results[entry.position] = asDuplicate(firstPublish(document))
  }
  return [...left.values()]
}

/** Whether an id no longer stands for its message: purged, or where that frees it acked, cancelled or moved on. */
export const isFree = async (engine: Engine, queue: QueueState, document: Document): Promise<boolean> =>
  isForgotten(queue, document) ||
  (queue.settings.deduplicationMode === 'pending' &&
    !(await isPending(engine, queue, firstPublish(document).messageId)))
