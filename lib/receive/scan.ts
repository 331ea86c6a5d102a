import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import { type HoldfastError, isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'
import { partitionOf, pollPriorities, pollShards, type QueueState } from '../model/queue-record.ts'
import { lowerShards, retireShard } from '../queues/shards.ts'
import { scanPartition } from './scan-partition.ts'
import { NOTHING_FOUND, orEmptyResult, type ScanResult } from './scan-result.ts'

/**
 * One scan of a queue: priorities from the highest to the lowest, and the shards of each from a random one on. A shard whose
 * partition DynamoDB throttles is passed over: the others may have messages.
 *
 * @throws `Throttled` when a shard was throttled and no other has messages
 */
export const scan = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const shards = pollShards(queue)
  const start = Math.floor(engine.random.fraction() * shards)
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  let throttled: HoldfastError | undefined
  for (let priority = pollPriorities(queue) - 1; priority >= 0; priority--) {
    for (let turn = 0; turn < shards; turn++) {
      const partition = partitionOf(queue, (start + turn) % shards)
      const target = { queue, partition, priority, hints: engine.polls.target(partition, priority) }
      const remaining = { ...request, want: request.want - messages.length }
      const scanning = scanPartition(engine, target, remaining)
      const found = await orEmptyResult(
        scanning.catch((error) => {
          if (!isOfOneShard(error)) throw error
          throttled = error
          return NOTHING_FOUND
        }),
        messages.length > 0,
      )
      messages.push(...found.messages)
      nextAt = Math.min(nextAt, found.nextAt)
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  if (messages.length > 0) return { messages, nextAt }
  if (throttled) throw throttled
  await retireShard(engine, queue)
  await lowerShards(engine, queue)
  return { messages, nextAt }
}

/** Whether a scan failed because the partition of its shard is at its limit. */
const isOfOneShard = (error: unknown): error is HoldfastError =>
  isHoldfastError(error) && error.code === 'Throttled' && error.fields.reason === 'key-range'
