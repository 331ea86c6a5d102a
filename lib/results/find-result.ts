import type { Engine } from '../engine.ts'
import { readAlias } from '../locate/alias.ts'
import { locate } from '../locate/locate.ts'
import type { ContentMessage } from '../model/content.ts'
import type { Document, DocumentKey } from '../model/document.ts'
import { isHoldfastError, messageNotFound } from '../model/errors.ts'
import { groupPartition, isFairGroup } from '../model/group.ts'
import { decodeMessageId, fairSortEnd, type MessageAddress } from '../model/message-id.ts'
import type { MessageStatus } from '../model/message-status.ts'
import { plainName } from '../model/queue-name.ts'
import { asDelayed, expiryOf, isDropped, isPurged, partitionOf, type QueueState } from '../model/queue-record.ts'
import { decisive, type ResultAnswer, type ResultEntry, type ResultRecord } from '../model/result.ts'
import { decodeResults } from '../model/result-codec.ts'
import { type Segment, segmentDueAt, slotAt } from '../model/segment.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { headerAt } from '../store/header-at.ts'
import { ownResults, resultPartition, SHARED_RESULTS } from '../store/keys.ts'
import { unreadable } from '../store/unreadable.ts'
import { slotStatus } from './slot-status.ts'
import { resultsKeptSince } from './write-results.ts'

/** Where a message is stored, or was stored last. */
export interface Place {
  readonly key: SegmentKey
  readonly index: number
}

/** What is known of a message, and where the next read finds it. */
export interface FoundResult {
  readonly answer: ResultAnswer
  readonly place: Place
}

/** More result items than the messages of one segment have in normal use: each late ack of an older claim adds one. */
const MAX_RESULTS = 500
/** How many moves of a message, within its queue or out of it and back, one call follows. */
const MAX_MOVES = 8

/**
 * Finds what became of a message. The first of these that exists is the answer: the message's slot, in its header or where an
 * alias leads; the ending that a transaction wrote when it removed the message; the result of the latest claim.
 *
 * reads: the header, eventually consistent, while the message is in it. Afterwards, all consistent: the alias, the header and
 * two queries for results · cost: 0.5 RRU; 4 to 5 once the message is gone
 *
 * @param known where an earlier call found the message
 * @throws `QueueNotFound`, `MessageNotFound` for a malformed message id
 */
export const findResult = async (
  engine: Engine,
  queueName: string,
  messageId: string,
  known?: Place,
): Promise<FoundResult> => {
  const queue = await engine.queues.get(queueName)
  const start = known ?? placeOf(queue, messageId)
  if (!start) throw messageNotFound(queueName, messageId)
  const quick = await statusInSlot(engine, queue, start, false)
  if (quick) return { answer: { status: quick }, place: start }
  let place = start
  for (let move = 0; ; move++) {
    const alias = await readAlias(engine.store, queue.name, messageId)
    if (alias) place = placeAt(queue, alias)
    // A consistent read: a message that it does not find was removed, and its result was written before the removal.
    const status = await statusInSlot(engine, queue, place, true)
    if (status) return { answer: { status }, place }
    const again = move < MAX_MOVES ? await readAlias(engine.store, queue.name, messageId) : alias
    if (again?.sort === alias?.sort) break
  }
  return { answer: await ending(engine, queue, messageId, place), place }
}

/** The stored failure of a message that failed for good, where its item also holds the message itself. */
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
  const records = documents.map(resultsIn)
  const latest = decisive(records, index)
  const document = latest && documents[records.indexOf(latest.record)]
  const content = latest?.entry.outcome.kind === 'failed' ? latest.entry.outcome.content : undefined
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

/** The status by the message's slot in its header; `undefined` when the header no longer holds the message. */
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

/** The end of the range in which the header's key lies: a message id of a fair group holds only the beginning of the key. */
const keyEnd = ({ partition: { group }, sort }: SegmentKey): string =>
  group !== undefined && isFairGroup(group) ? fairSortEnd(sort) : sort

const dropped = (queue: QueueState, segment: Segment): MessageStatus =>
  isPurged(queue, segment.publishedAt)
    ? { state: 'gone', reason: 'purged' }
    : { state: 'gone', reason: 'expired', at: expiryOf(queue, segmentDueAt(segment), segment.expiresAt) }

/** What became of a message that is no longer stored in its queue. */
const ending = async (engine: Engine, queue: QueueState, messageId: string, place: Place): Promise<ResultAnswer> => {
  const since = resultsKeptSince(queue)
  const records = since === undefined ? [] : await recordsOf(engine, place)
  // If results were switched off for a while, those from before are ignored: they may be of an older claim than the last ack.
  const latest = decisive(
    records.filter(({ at }) => at >= (since ?? 0)),
    place.index,
  )
  if (latest) return answerOf(queue, latest)
  const deadLettered = await deadLetterStatus(engine, queue, messageId)
  return { status: deadLettered ?? { state: 'gone' } }
}

const recordsOf = async (engine: Engine, { key, index }: Place): Promise<ResultRecord[]> => {
  const partition = resultPartition(key)
  const lists = await Promise.all(
    [SHARED_RESULTS, ownResults(index)].map((prefix) =>
      engine.store.listDocuments({ partition, prefix, limit: MAX_RESULTS, consistent: true }),
    ),
  )
  return lists.flat().map(resultsIn)
}

const resultsIn = (document: Document): ResultRecord => {
  try {
    return decodeResults(document.value)
  } catch (error) {
    throw unreadable(document, error)
  }
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
  // A process that did not know of the purge yet acked the message. The answer stays "purged", which the producer may have read.
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

/** The status of a dead-lettered message without a result item: the queue kept no results then, or the item has expired. */
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
    // A role that may read results need not have rights on the dead-letter queue.
    if (isHoldfastError(error, 'MessageNotFound') || isHoldfastError(error, 'AccessDenied')) return undefined
    throw error
  }
}
