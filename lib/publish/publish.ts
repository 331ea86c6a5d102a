import type { Engine } from '../engine.ts'
import { toContent } from '../model/content.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { fairGroupHash, groupPartition } from '../model/group.ts'
import { LIMITS } from '../model/limits.ts'
import type { NewMessage, PublishResult } from '../model/message.ts'
import { encodeMessageId } from '../model/message-id.ts'
import { checkMessages } from '../model/message-rules.ts'
import { afterPurge, type QueueState } from '../model/queue-record.ts'
import { markGrouped, raiseShards } from '../queues/shards.ts'
import type { NewSegment } from '../store/port.ts'
import { touchGroup } from './group-place.ts'
import { checkGroupMessages, publishToGroups } from './group-publish.ts'
import { newSegment, type SegmentPlan } from './new-segment.ts'
import { asDuplicate, type Entry, entriesOf, type Place, publishOnce } from './publish-once.ts'

/**
 * Publishes 1 to 25 messages. Those of one priority, due time and time to live become one segment, written by one
 * conditional put (and one for its body, at the same time, when it is large), so each segment is there whole or not
 * at all. A put repeated after a lost response finds its own segment and changes nothing.
 *
 * Cost: one round trip; 1 WRU per started KB of what is stored. With deduplication ids it is a transaction: twice that,
 * and 2 WRU an id.
 *
 * @returns one result a message, in order; an `error` only where the store failed for that message's segment.
 * @throws `InvalidRequest`, `MessageTooLarge`, `QueueNotFound` before anything is written
 */
export const publish = async (
  engine: Engine,
  queueName: string,
  messages: readonly NewMessage[],
): Promise<PublishResult[]> => {
  if (messages.length < 1 || messages.length > LIMITS.batchSize) {
    throw invalid('messages', messages.length, `must hold 1 to ${LIMITS.batchSize} messages`)
  }
  let queue = await engine.queues.get(queueName)
  checkMessages(queue, messages)
  if (queue.settings.fifo) {
    checkGroupMessages(messages)
    return publishToGroups(engine, queue, messages)
  }
  if (!queue.grouped && messages.some(({ groupId }) => groupId !== undefined)) queue = await markGrouped(engine, queue)
  const results = new Array<PublishResult>(messages.length)
  const { entries, repeats } = entriesOf(queue, messages)
  const planned = planSegments(engine, queue, entries)
  await Promise.all(
    planned.map((one) =>
      one.once
        ? publishOnce(engine, queue, one.entries, placeSegment(engine, queue, one.plan), results)
        : publishPlain(engine, queue, one, results),
    ),
  )
  for (const [position, of] of repeats) results[position] = asDuplicate(results[of] as PublishResult)
  markReadyGroups(engine, queue, planned)
  const published = results.filter((result) => 'messageId' in result).length
  if (published > 0) engine.wakeups.wake(queueName, published)
  return results
}

/** Messages of one priority, due time and time to live, with deduplication ids or without. */
interface Planned {
  readonly plan: Omit<SegmentPlan, 'messages' | 'shard'>
  readonly entries: Entry[]
  readonly once: boolean
}

const planSegments = (engine: Engine, queue: QueueState, entries: readonly Entry[]): Planned[] => {
  const now = afterPurge(queue, engine.clock.now())
  const planned: Planned[] = []
  for (const entry of entries) {
    const { delaySeconds = queue.settings.delaySeconds, priority = 0, timeToLiveSeconds, groupId } = entry.message
    const dueAt = Math.max(now, Math.round(entry.message.dueAt ?? now + delaySeconds * 1_000))
    const once = entry.remembered !== undefined
    const group = groupId === undefined ? undefined : fairGroupHash(groupId)
    const plan = { priority, dueAt, publishedAt: now, timeToLiveSeconds, group }
    const alike = planned.find((one) => one.once === once && isAlike(one.plan, plan))
    if (alike) alike.entries.push(entry)
    else planned.push({ plan, entries: [entry], once })
  }
  return planned
}

const isAlike = (a: Planned['plan'], b: Planned['plan']): boolean =>
  a.priority === b.priority && a.dueAt === b.dueAt && a.timeToLiveSeconds === b.timeToLiveSeconds && a.group === b.group

const publishPlain = async (
  engine: Engine,
  queue: QueueState,
  { plan, entries }: Planned,
  results: PublishResult[],
): Promise<void> => {
  const messages = entries.map(({ message }) => toContent(message))
  const outcome = await insertSomewhere(engine, queue, { messages, ...plan })
  const failed = outcome instanceof HoldfastError
  for (const [index, { position }] of entries.entries()) {
    results[position] = failed ? { error: outcome } : { messageId: encodeMessageId(outcome.segment.key, index) }
  }
  if (!failed) engine.polls.release(outcome.segment.key)
}

const placeSegment =
  (engine: Engine, queue: QueueState, plan: Planned['plan']): Place =>
  (messages) => {
    const insert = newSegment(engine, queue, { messages, ...plan })
    const { group } = plan
    const touching = group === undefined ? [] : [touchGroup(engine, queue, group, insert)]
    return {
      writes: [{ kind: 'insert', insert }, ...touching],
      placed: messages.map((_, index) => ({ segment: insert, index })),
    }
  }

/** This process's own polls know where something new is. */
const markReadyGroups = (engine: Engine, queue: QueueState, planned: readonly Planned[]): void => {
  const now = engine.clock.now()
  for (const { plan } of planned) {
    const { group, dueAt } = plan
    if (group !== undefined && dueAt <= now) engine.polls.tickets(groupPartition(queue, group)).markReady(group, now)
  }
}

const SHARDS_TRIED = 3

/** Inserts into a random shard; where DynamoDB throttles it, into another, a new one if need be. Answers the last failure. */
const insertSomewhere = async (
  engine: Engine,
  queue: QueueState,
  plan: Omit<SegmentPlan, 'shard'>,
): Promise<NewSegment | HoldfastError> => {
  let { shards } = queue.settings
  const first = Math.floor(engine.random.fraction() * shards)
  let failure: HoldfastError | undefined
  const places = plan.group === undefined ? SHARDS_TRIED : 1
  for (let turn = 0; turn < Math.min(shards, places); turn++) {
    const shard = (first + turn) % shards
    const segment = newSegment(engine, queue, { shard, ...plan })
    try {
      // The key is ours alone, so finding it taken means that an earlier try of this very put got through.
      await engine.store.insert(segment)
      // After the segment: a ticket never says less than there is.
      if (plan.group !== undefined) await engine.store.transact([touchGroup(engine, queue, plan.group, segment)])
      return segment
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      failure = error
      if (error.code !== 'Throttled') return error
      engine.observe({ type: 'throttled', queue: queue.name, shard })
      shards = await raiseShards(engine, queue)
    }
  }
  return failure as HoldfastError
}
