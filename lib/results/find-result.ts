import type { Engine } from '../engine.ts'
import { readAlias } from '../locate/alias.ts'
import { locate } from '../locate/locate.ts'
import type { ContentMessage } from '../model/content.ts'
import type { DocumentKey } from '../model/document.ts'
import { isHoldfastError, messageNotFound } from '../model/errors.ts'
import { groupPartition, isFairGroup } from '../model/group.ts'
import { decodeMessageId, fairSortEnd, type MessageAddress } from '../model/message-id.ts'
import type { MessageStatus } from '../model/message-status.ts'
import { plainName } from '../model/queue-name.ts'
import { asDelayed, expiryOf, isDropped, isPurged, partitionOf, type QueueState } from '../model/queue-record.ts'
import { decisive, decodeResults, type ResultAnswer, type ResultEntry, type ResultRecord } from '../model/result.ts'
import { type Segment, segmentDueAt, slotAt } from '../model/segment.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { headerAt } from '../store/header-at.ts'
import { ownResults, resultPartition, SHARED_RESULTS } from '../store/keys.ts'
import { slotStatus } from './slot-status.ts'
import { resultsKeptSince } from './write-results.ts'

/** Where a message stands, or stood last. */
export interface Place {
  readonly key: SegmentKey
  readonly index: number
}

/** A look at a message: what is known of it, and where the next look finds it. */
export interface Look {
  readonly answer: ResultAnswer
  readonly place: Place
}

/** More results of one segment than its messages can have in sane use: each late ack of an older claim adds one. */
const MAX_RESULTS = 500
/** Moves of a message, within its queue or out of it and back, between two looks. */
const MAX_MOVES = 8

/**
 * What became of a message, in this order: the slot in its header, while the message is there; where it was moved within the
 * queue; and once it is gone, what the transaction that removed it said, or the result of the latest claim.
 *
 * reads: the header, eventually consistent, while the message is in it; once it is not, all consistent: the alias, the
 * header, two queries for results · cost: 0.5 RRU; 4 to 5 once it is gone
 *
 * @param known where a look before found it
 * @throws `QueueNotFound`, `MessageNotFound` for what is no message id
 */
export const findResult = async (
  engine: Engine,
  queueName: string,
  messageId: string,
  known?: Place,
): Promise<Look> => {
  const queue = await engine.queues.get(queueName)
  const start = known ?? placeOf(queue, messageId)
  if (!start) throw messageNotFound(queueName, messageId)
  const quick = await statusInSlot(engine, queue, start, false)
  if (quick) return { answer: { status: quick }, place: start }
  let place = start
  for (let move = 0; ; move++) {
    const alias = await readAlias(engine.store, queue.name, messageId)
    if (alias) place = placeAt(queue, alias)
    // Consistent: what is not seen now was removed, and what its removal rests on was written before.
    const status = await statusInSlot(engine, queue, place, true)
    if (status) return { answer: { status }, place }
    const again = move < MAX_MOVES ? await readAlias(engine.store, queue.name, messageId) : alias
    if (again?.sort === alias?.sort) break
  }
  return { answer: await ending(engine, queue, messageId, place), place }
}

/** The failure of a message that failed for good, as an item, with the message where that is kept. */
export const findFailure = async (
  engine: Engine,
  { key, index }: Place,
): Promise<{ readonly key: DocumentKey; readonly version: number; readonly content: ContentMessage } | undefined> => {
  const partition = resultPartition(key)
  const documents = await engine.store.listDocuments({
    partition,
    prefix: ownResults(index),
    limit: MAX_RESULTS,
    consistent: true,
  })
  const records = documents.map(({ value }) => decodeResults(value))
  const told = decisive(records, index)
  const document = told && documents[records.indexOf(told.record)]
  const content = told?.entry.outcome.kind === 'failed' ? told.entry.outcome.content : undefined
  return document && content && { key: { partition, sort: document.sort }, version: document.version, content }
}

const placeOf = (queue: QueueState, messageId: string): Place | undefined => {
  const address = decodeMessageId(messageId, { standard: queue.settings.fifo === undefined })
  return address && placeAt(queue, address)
}

const placeAt = (queue: QueueState, { shard, group, sort, index }: MessageAddress): Place => ({
  key: { partition: group === undefined ? partitionOf(queue, shard) : groupPartition(queue, group), sort },
  index,
})

/** What the header says of a message; nothing when the message is not in it any more. */
const statusInSlot = async (
  engine: Engine,
  queue: QueueState,
  { key, index }: Place,
  consistent: boolean,
): Promise<MessageStatus | undefined> => {
  const read = await headerAt(engine.store, key, { to: keyEnd(key), consistent })
  if (!read) return undefined
  const segment = asDelayed(queue, read)
  const slot = slotAt(segment, index)
  if (slot.kind === 'gone') return undefined
  const now = engine.clock.now()
  return isDropped(queue, segment, now) ? dropped(queue, segment) : slotStatus(queue, segment, slot, now)
}

/** An id of a fair group holds a part of the key. */
const keyEnd = ({ partition: { group }, sort }: SegmentKey): string =>
  group !== undefined && isFairGroup(group) ? fairSortEnd(sort) : sort

const dropped = (queue: QueueState, segment: Segment): MessageStatus =>
  isPurged(queue, segment.publishedAt)
    ? { state: 'gone', reason: 'purged' }
    : { state: 'gone', reason: 'expired', at: expiryOf(queue, segmentDueAt(segment), segment.expiresAt) }

/** What became of a message that is not in its place any more. */
const ending = async (engine: Engine, queue: QueueState, messageId: string, place: Place): Promise<ResultAnswer> => {
  const since = resultsKeptSince(queue)
  const records = since === undefined ? [] : await recordsOf(engine, place)
  // Of before a time in which no results were kept, one may be of an older claim than the last ack.
  const told = decisive(
    records.filter(({ at }) => at >= (since ?? 0)),
    place.index,
  )
  if (told) return answerOf(queue, told)
  const dead = await deadLetterStatus(engine, queue, messageId)
  return { status: dead ?? { state: 'gone' } }
}

const recordsOf = async (engine: Engine, { key, index }: Place): Promise<ResultRecord[]> => {
  const partition = resultPartition(key)
  const lists = await Promise.all(
    [SHARED_RESULTS, ownResults(index)].map((prefix) =>
      engine.store.listDocuments({ partition, prefix, limit: MAX_RESULTS, consistent: true }),
    ),
  )
  return lists.flat().map(({ value }) => decodeResults(value))
}

const answerOf = (
  queue: QueueState,
  { record, entry: { outcome } }: { record: ResultRecord; entry: ResultEntry },
): ResultAnswer => {
  const { at, publishedAt } = record
  switch (outcome.kind) {
    case 'cancelled':
      return { status: { state: 'cancelled', at } }
    case 'moved':
      return { status: { state: 'gone', reason: 'moved', at, queue: outcome.queue } }
    case 'deadLettered': {
      const { queue: to, reason, failure } = outcome
      return { status: { state: 'deadLettered', at, queue: to, reason }, ...(failure && { failure }) }
    }
  }
  // Acked by a process that did not know of the purge yet: the producer may have been told of it.
  if (isPurged(queue, publishedAt) && at > (queue.purgedAt ?? 0)) return { status: { state: 'gone', reason: 'purged' } }
  switch (outcome.kind) {
    case 'done':
      return {
        status: { state: 'done', at },
        ...(outcome.result !== undefined && { result: outcome.result }),
      }
    case 'unstored':
      return { status: { state: 'done', at }, unstored: outcome.reason }
    case 'failed':
      return { status: { state: 'failed', at }, failure: outcome.failure }
  }
}

/** A dead-lettered message whose move left no trace here: the queue kept no results then, or not for so long. */
const deadLetterStatus = async (
  engine: Engine,
  queue: QueueState,
  messageId: string,
): Promise<MessageStatus | undefined> => {
  if (!queue.settings.deadLetter) return undefined
  try {
    const { queue: home, stored, index } = await locate(engine, queue.name, messageId)
    const origin = stored.content.messages[index]?.deadLetter
    if (!origin || home.name === queue.name) return undefined
    return { state: 'deadLettered', at: origin.at, queue: plainName(home.name), reason: origin.reason }
  } catch (error) {
    // Those who may read results need not be allowed to look into the dead-letter queue.
    if (isHoldfastError(error, 'MessageNotFound') || isHoldfastError(error, 'AccessDenied')) return undefined
    throw error
  }
}
