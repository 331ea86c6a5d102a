import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { ticketShard } from '../model/group.ts'
import { knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import type { NewMessage, PublishResult } from '../model/message.ts'
import { decodeMessageId, encodeMessageId, type MessageAddress } from '../model/message-id.ts'
import { checkMessages } from '../model/message-rules.ts'
import { partitionOf, type QueueState } from '../model/queue-record.ts'
import { removeSegment } from '../model/segment-change.ts'
import { partitionId } from '../model/segment-key.ts'
import { afterPublish, markGrouped, observeThrottle, onThrottle } from '../queues/shards.ts'
import type { NewSegment } from '../store/port.ts'
import { touchGroup } from './group-place.ts'
import { checkGroupMessages, publishToGroups } from './group-publish.ts'
import { newSegment, type SegmentPlan } from './new-segment.ts'
import { publishIdempotently } from './publish-idempotently.ts'
import { asDuplicate, entriesOf, publishOnce } from './publish-once.ts'
import { markReadyGroups, type Planned, placeSegments, planSegments } from './standard-place.ts'

export interface PublishCallOptions {
  /**
   * 1 to 128 printable ASCII characters without spaces. A call that is repeated within ten minutes with the same key and
   * messages stores nothing more, and returns the results of the first call. Either all messages are stored, or none.
   *
   * Cost: the segments' headers are written in a transaction, which doubles their units, and the key costs 2 WRU.
   */
  readonly idempotencyKey?: string
}

/**
 * Publishes 1 to 25 messages. Messages of one priority, due time and time to live become one segment. One conditional put writes
 * its header, and concurrently one put writes a large body. So each segment is stored whole or not at all. A put that is
 * repeated after a lost response finds its own segment and changes nothing.
 *
 * Cost: one round trip; 1 WRU for each KB stored, rounded up. With deduplication ids a transaction doubles that, and each id
 * costs 2 WRU more.
 *
 * @returns one result for each message, in order; an `error` only if the store failed for the segment of that message
 * @throws `InvalidRequest`, `MessageTooLarge`, `QueueNotFound` before anything is written
 */
export const publish = async (
  engine: Engine,
  queueName: string,
  messages: readonly NewMessage[],
  options: PublishCallOptions = {},
): Promise<PublishResult[]> => {
  const { idempotencyKey } = knownFields(options, { idempotencyKey: true })
  if (messages.length < 1 || messages.length > LIMITS.batchSize) {
    throw invalid('messages', messages.length, `must hold 1 to ${LIMITS.batchSize} messages`)
  }
  const startedAt = engine.clock.now()
  let queue = await engine.queues.get(queueName)
  checkMessages(queue, messages)
  if (queue.settings.fifo) checkGroupMessages(messages)
  else if (!queue.grouped && messages.some(({ groupId }) => groupId !== undefined)) {
    queue = await markGrouped(engine, queue)
  }
  const publishing =
    idempotencyKey !== undefined
      ? publishIdempotently(engine, queue, idempotencyKey, messages)
      : queue.settings.fifo
        ? publishToGroups(engine, queue, messages)
        : publishToShards(engine, queue, messages)
  const results = await publishing
  const hidden = await failureOf(afterPublish(engine, queue, startedAt, shardsUsed(results)))
  return hidden ? notFound(queue, results, hidden) : results
}

/** How many shards the messages of a publish are in. A duplicate counts too: it may be that of a late publish that failed. */
const shardsUsed = (results: readonly PublishResult[]): number =>
  results.reduce((used, result) => Math.max(used, (addressOf(result)?.shard ?? 0) + 1), 1)

const addressOf = (result: PublishResult): MessageAddress | undefined =>
  result.ok ? decodeMessageId(result.messageId, { standard: true }) : undefined

/** Whether polls may not find a message when shards were retired. They always scan the first shard; tickets of groups are in any. */
const mayBeHidden = (result: PublishResult): boolean => {
  const address = addressOf(result)
  return address !== undefined && (address.shard > 0 || address.group !== undefined)
}

/**
 * The results of a publish whose messages are stored, but may be in shards that polls do not scan any more.
 *
 * @throws `QueueNotFound` if the queue is deleted, and the messages with it
 */
const notFound = ({ name }: QueueState, results: readonly PublishResult[], cause: HoldfastError): PublishResult[] => {
  if (cause.code === 'QueueNotFound') throw cause
  const message =
    'the message is stored, but polls may not find it, because the publish took so long that its shard may have been retired: publish it again'
  const error = new HoldfastError('StoreUnavailable', message, { queue: name }, { cause })
  return results.map((result) => (mayBeHidden(result) ? { ok: false, error } : result))
}

const publishToShards = async (
  engine: Engine,
  queue: QueueState,
  messages: readonly NewMessage[],
): Promise<PublishResult[]> => {
  const results = new Array<PublishResult>(messages.length)
  const { entries, repeats } = entriesOf(queue, messages)
  const planned = planSegments(engine, queue, entries)
  await Promise.all(
    planned.map((one) =>
      one.once
        ? publishOnce(engine, queue, one.entries, placeSegments(engine, queue), results)
        : publishPlain(engine, queue, one, results),
    ),
  )
  for (const [position, of] of repeats) results[position] = asDuplicate(results[of] as PublishResult)
  markReadyGroups(engine, queue, planned)
  const published = results.filter(({ ok }) => ok).length
  if (published > 0) engine.wakeups.wake(queue.name, published)
  return results
}

const publishPlain = async (
  engine: Engine,
  queue: QueueState,
  { plan, entries }: Planned,
  results: PublishResult[],
): Promise<void> => {
  const messages = entries.map(({ content }) => content)
  const outcome = await insertSomewhere(engine, queue, { messages, ...plan })
  const failed = outcome instanceof HoldfastError
  for (const [index, { position }] of entries.entries()) {
    results[position] = failed
      ? { ok: false, error: outcome }
      : { ok: true, messageId: encodeMessageId(outcome.segment.key, index) }
  }
  if (!failed) engine.polls.release(outcome.segment.key)
}

const SHARDS_TRIED = 3

/**
 * Inserts into a random shard that was not throttled lately. If DynamoDB throttles that shard's partition, inserts into another shard,
 * which may be a new one.
 */
const insertSomewhere = async (
  engine: Engine,
  queue: QueueState,
  plan: Omit<SegmentPlan, 'shard'>,
): Promise<NewSegment | HoldfastError> => {
  if (plan.group !== undefined) return insertInGroup(engine, queue, plan.group, plan)
  let { shards } = queue.settings
  const tried = new Set<number>()
  let failure: HoldfastError | undefined
  for (let turn = 0; turn < Math.min(shards, SHARDS_TRIED); turn++) {
    const shard = anotherShard(engine, queue, shards, tried)
    tried.add(shard)
    const segment = newSegment(engine, queue, { shard, ...plan })
    failure = await insert(engine, segment)
    if (!failure) return segment
    if (failure.code !== 'Throttled') break
    shards = await onThrottle(engine, queue, shard, failure)
    if (!isOfOnePartition(failure)) break
    engine.throttled.observe(partitionId(segment.segment.key.partition))
  }
  return failure as HoldfastError
}

/** How many random shards are considered to find one that was not throttled lately. */
const DRAWS = 5

/** A random shard that was not tried yet, and probably one that was not throttled lately, if there is one. */
const anotherShard = (engine: Engine, queue: QueueState, shards: number, tried: ReadonlySet<number>): number => {
  let shard = drawShard(engine, shards, tried)
  for (let draw = 1; draw < DRAWS && engine.throttled.isThrottled(partitionId(partitionOf(queue, shard))); draw++) {
    shard = drawShard(engine, shards, tried)
  }
  return shard
}

const drawShard = ({ random }: Engine, shards: number, tried: ReadonlySet<number>): number => {
  let shard = Math.floor(random.fraction() * shards)
  while (tried.has(shard)) shard = (shard + 1) % shards
  return shard
}

/** Inserts a segment under a new key. If the key is taken, an earlier try of the same put has succeeded. */
const insert = (engine: Engine, segment: NewSegment): Promise<HoldfastError | undefined> =>
  failureOf(engine.store.insert(segment))

const failureOf = async (work: Promise<unknown>): Promise<HoldfastError | undefined> => {
  try {
    await work
    return undefined
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return error
  }
}

/** Whether another shard may accept the segment: the reason does not exclude that only one partition has reached its limit. */
const isOfOnePartition = ({ fields: { reason } }: HoldfastError): boolean =>
  reason === undefined || reason === 'key-range' || reason === 'unknown'

const TICKET_TRIES = 3

/**
 * Publishes to a group of a standard queue: first the segment, then the ticket by which polls find it. In the other order a poll
 * between the two writes would find the group empty and delete the ticket. One transaction for both would double the units of
 * every publish.
 *
 * INVARIANT: a group with a message whose publish succeeded has a ticket. So a publish succeeds only after its ticket is written.
 * If that write keeps failing, the publish deletes the segment and fails with the ticket's error: nothing is stored then. If a
 * message was received before, the segment stays, and the error is `StoreUnavailable`, since its messages may be received.
 */
const insertInGroup = async (
  engine: Engine,
  queue: QueueState,
  group: string,
  plan: Omit<SegmentPlan, 'shard'>,
): Promise<NewSegment | HoldfastError> => {
  const segment = newSegment(engine, queue, plan)
  const { shard } = segment.segment.key.partition
  const refused = await insert(engine, segment)
  // More shards don't help: a group has one partition.
  if (refused?.code === 'Throttled') observeThrottle(engine, queue, shard, refused)
  if (refused) return refused
  const failure = await writeTicket(engine, queue, group, segment)
  if (!failure) return segment
  const [undone] = await engine.store.change([removeSegment(segment.segment)])
  if (undone?.applied) return failure
  const message =
    'the message is stored, but polls may not find it, because the ticket of its group could not be written: publish it again'
  return new HoldfastError('StoreUnavailable', message, { queue: queue.name }, { cause: failure })
}

/** Writes the ticket of a group. The tickets of a shard share a partition: if DynamoDB throttles it, the ticket may move to a new shard. */
const writeTicket = async (
  engine: Engine,
  queue: QueueState,
  group: string,
  segment: NewSegment,
): Promise<HoldfastError | undefined> => {
  let current = queue
  let failure: HoldfastError | undefined
  for (let attempt = 0; attempt < TICKET_TRIES; attempt++) {
    failure = await failureOf(engine.store.transact([touchGroup(engine, current, group, segment)]))
    if (!failure?.retryable) return failure
    if (failure.code !== 'Throttled') continue
    const shards = await onThrottle(engine, current, ticketShard(current, group), failure)
    current = { ...current, settings: { ...current.settings, shards } }
  }
  return failure
}
