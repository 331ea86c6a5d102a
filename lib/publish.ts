import { type ContentMessage, toContent } from './content.ts'
import type { Engine } from './engine.ts'
import { HoldfastError, invalid, isHoldfastError } from './errors.ts'
import { checkGroupMessages, publishToGroups } from './group-publish.ts'
import { LIMITS } from './limits.ts'
import type { NewMessage, PublishResult } from './message.ts'
import { encodeMessageId } from './message-id.ts'
import { checkMessages } from './new-message.ts'
import { newSegment, type SegmentPlan } from './new-segment.ts'
import type { QueueState } from './queue-record.ts'
import { raiseShards } from './shards.ts'
import type { NewSegment } from './store.ts'

/**
 * Publishes 1 to 25 messages. Those of one priority, due time and time to live become one segment, written by one
 * conditional put (and one for its body, at the same time, when it is large), so each segment is there whole or not
 * at all. A put repeated after a lost response finds its own segment and changes nothing.
 *
 * Cost: one round trip; 1 WRU per started KB of what is stored.
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
  const queue = await engine.queues.get(queueName)
  checkMessages(queue, messages)
  if (queue.settings.fifo) {
    checkGroupMessages(messages)
    return publishToGroups(engine, queue, messages)
  }
  const results = new Array<PublishResult>(messages.length)
  await Promise.all(
    planSegments(engine, queue, messages).map(async ({ plan, positions }) => {
      const outcome = await insertSomewhere(engine, queue, plan)
      for (const [index, position] of positions.entries()) {
        results[position] =
          outcome instanceof HoldfastError
            ? { error: outcome }
            : { messageId: encodeMessageId(outcome.segment.key, index) }
      }
      if (!(outcome instanceof HoldfastError)) engine.polls.release(outcome.segment.key)
    }),
  )
  const published = results.filter((result) => 'messageId' in result).length
  if (published > 0) engine.wakeups.wake(queueName, published)
  return results
}

interface Planned {
  readonly plan: SegmentPlan
  /** Where the segment's messages stood in the request. */
  readonly positions: number[]
}

const planSegments = (engine: Engine, queue: QueueState, messages: readonly NewMessage[]): Planned[] => {
  // Right behind a purge by a faster clock, the message still counts as published after it.
  const now = Math.max(engine.clock.now(), (queue.purgedAt ?? 0) + 1)
  const planned = new Map<string, Planned & { plan: { messages: ContentMessage[] } }>()
  for (const [position, message] of messages.entries()) {
    const delaySeconds = message.delaySeconds ?? queue.settings.delaySeconds
    const dueAt = Math.max(now, Math.round(message.dueAt ?? now + delaySeconds * 1_000))
    const { priority = 0, timeToLiveSeconds } = message
    const alike = `${priority} ${dueAt} ${timeToLiveSeconds}`
    const planning = planned.get(alike) ?? {
      plan: { priority, dueAt, publishedAt: now, timeToLiveSeconds, messages: [] as ContentMessage[] },
      positions: [],
    }
    planned.set(alike, planning)
    planning.plan.messages.push(toContent(message))
    planning.positions.push(position)
  }
  return [...planned.values()]
}

const SHARDS_TRIED = 3

/** Inserts into a random shard; where DynamoDB throttles it, into another. Answers the failure of the last try. */
const insertSomewhere = async (
  engine: Engine,
  queue: QueueState,
  plan: SegmentPlan,
): Promise<NewSegment | HoldfastError> => {
  const { shards } = queue.settings
  const first = Math.floor(engine.random.fraction() * shards)
  let failure: HoldfastError | undefined
  for (let turn = 0; turn < Math.min(shards, SHARDS_TRIED); turn++) {
    const shard = (first + turn) % shards
    const segment = newSegment(engine, queue, { ...plan, shard })
    try {
      // The key is ours alone, so finding it taken means that an earlier try of this very put got through.
      await engine.store.insert(segment)
      return segment
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      failure = error
      if (error.code !== 'Throttled') return error
      engine.observe({ type: 'throttled', queue: queue.name, shard })
      await raiseShards(engine, queue)
    }
  }
  return failure as HoldfastError
}
