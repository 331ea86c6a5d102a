import type { Session } from './session.ts'
import { type QueueJson, sourcesByQueue, type Trouble, troublesOf } from './trouble.ts'

export interface WatchedQueue {
  readonly queue: QueueJson
  readonly troubles: readonly Trouble[]
}

/** All queues with their counts and what is wrong with each, in the order of their names. */
export const allQueues = async (session: Session): Promise<WatchedQueue[]> => {
  const queues = await listed(session, { include: 'counts', limit: 100 })
  const names = new Set(queues.map(({ name }) => name))
  const sources = sourcesByQueue(queues)
  return queues.map((queue) => ({
    queue,
    troubles: troublesOf({ queue, names, sources: sources.get(queue.name) ?? [], now: session.now() }),
  }))
}

/** The settings of all queues, without the cost of counting their messages. */
export const allSettings = (session: Session): Promise<QueueJson[]> => listed(session, { limit: 1_000 })

/** Reads all pages of the list of queues. `limit` is the size of a page: smaller where messages are counted. */
const listed = async (
  { target, signal }: Session,
  query: { readonly include?: 'counts'; readonly limit: number },
): Promise<QueueJson[]> => {
  const queues: QueueJson[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await target.call('listQueues', { query: { ...query, cursor }, signal })
    queues.push(...page.queues)
    cursor = page.cursor
  }
  return queues
}
