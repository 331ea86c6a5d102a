import { plainName, type Queue } from '../../lib/model/queue-settings.ts'
import type { Counts } from '../../lib/queues/counts.ts'
import { iso } from './message-json.ts'

/** A queue as the HTTP API writes it: what `PUT` and `PATCH` take stands at the top level, where they take it. */
export const queueJson = (queue: Queue, counts?: Counts) => ({
  name: plainName(queue.name),
  ...queue.settings,
  ...(queue.settings.deadLetter && {
    deadLetter: { ...queue.settings.deadLetter, queue: plainName(queue.settings.deadLetter.queue) },
  }),
  tags: queue.tags,
  createdAt: iso(queue.createdAt),
  modifiedAt: iso(queue.modifiedAt),
  ...(counts && { counts: countsJson(counts) }),
})

const countsJson = ({ oldestReadyAt, ...counts }: Counts) => ({
  ...counts,
  ...(oldestReadyAt !== undefined && { oldestReadyAt: iso(oldestReadyAt) }),
})
