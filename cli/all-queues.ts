import type { Session } from './session.ts'
import { type QueueJson, sourcesByQueue, type Trouble, troublesOf } from './trouble.ts'

export interface WatchedQueue {
  readonly queue: QueueJson
  readonly troubles: readonly Trouble[]
}

/** Queues of one page that are counted. */
const PAGE = 100

/** All queues with their counts and what is wrong with each, in the order of their names. */
export const allQueues = async ({ target, signal, now }: Session): Promise<WatchedQueue[]> => {
  const queues: QueueJson[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await target.call('listQueues', { query: { include: 'counts', limit: PAGE, cursor }, signal })
    queues.push(...page.queues)
    cursor = page.cursor
  }
  const names = new Set(queues.map(({ name }) => name))
  const sources = sourcesByQueue(queues)
  return queues.map((queue) => ({
    queue,
    troubles: troublesOf({ queue, names, sources: sources.get(queue.name) ?? [], now: now() }),
  }))
}

/** The settings of all queues, without the cost of counting their messages. */
export const allSettings = async ({ target, signal }: Session): Promise<QueueJson[]> => {
  const queues: QueueJson[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await target.call('listQueues', { query: { limit: 1_000, cursor }, signal })
    queues.push(...page.queues)
    cursor = page.cursor
  }
  return queues
}
