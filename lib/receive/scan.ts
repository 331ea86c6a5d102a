import type { Engine } from '../engine.ts'
import type { Request } from '../hints/scan-target.ts'
import type { Message } from '../model/message.ts'
import { partitionOf, pollPriorities, pollShards, type QueueState } from '../model/queue-record.ts'
import { retireShard } from '../queues/shards.ts'
import { scanPartition } from './scan-partition.ts'
import { orNothing, type ScanResult } from './scan-result.ts'

/** One scan of a queue: priorities from the highest to the lowest, and the shards of each from a random one on. */
export const scan = async (engine: Engine, queue: QueueState, request: Request): Promise<ScanResult> => {
  const shards = pollShards(queue)
  const start = Math.floor(engine.random.fraction() * shards)
  const messages: Message[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for (let priority = pollPriorities(queue) - 1; priority >= 0; priority--) {
    for (let turn = 0; turn < shards; turn++) {
      const partition = partitionOf(queue, (start + turn) % shards)
      const target = { queue, partition, priority, hints: engine.polls.target(partition, priority) }
      const remaining = { ...request, want: request.want - messages.length }
      const scanning = scanPartition(engine, target, remaining)
      const found = messages.length > 0 ? await orNothing(scanning, true) : await scanning
      messages.push(...found.messages)
      nextAt = Math.min(nextAt, found.nextAt)
      if (messages.length >= request.want || request.signal?.aborted) return { messages, nextAt }
    }
  }
  if (messages.length === 0) await retireShard(engine, queue)
  return { messages, nextAt }
}
