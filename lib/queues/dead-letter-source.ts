import type { Engine } from '../engine.ts'
import { scopeOf } from '../model/queue-record.ts'
import type { Queue } from '../model/queue-settings.ts'
import { listQueues } from './list-queues.ts'

const PAGE = 100

/**
 * The first queue by name that has this one as its dead-letter queue. With `exceptItself` the queue itself is left out.
 *
 * reads: the settings of every queue of the account and region up to the one found, by the hundred
 */
export const deadLetterSource = async (
  engine: Engine,
  name: string,
  { exceptItself = false }: { exceptItself?: boolean } = {},
): Promise<Queue | undefined> => {
  let cursor: string | undefined
  do {
    const page = await listQueues(engine, {
      scope: scopeOf(name),
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    })
    const source = page.queues.find(
      (queue) => queue.settings.deadLetter?.queue === name && !(exceptItself && queue.name === name),
    )
    if (source) return source
    cursor = page.cursor
  } while (cursor !== undefined)
  return undefined
}
