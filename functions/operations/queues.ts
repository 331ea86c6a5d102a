import { counts } from '../../lib/queues/counts.ts'
import { createQueue, deleteQueue, getQueue, listQueues, purgeQueue, updateQueue } from '../../lib/queues/queues.ts'
import { defined } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { changeFrom, creationFrom, queueJson } from '../http/queue-json.ts'

export const operations = {
  listQueues: async ({ engine, query }) => {
    const { queues, cursor } = await listQueues(engine, defined(query))
    return { status: 200, body: { queues: queues.map((queue) => queueJson(queue)), cursor } }
  },

  createQueue: async ({ engine, params, body }) => {
    const { queue, created } = await createQueue(engine, params.queue, {
      settings: creationFrom(params.queue, body),
      ...(body.tags && { tags: body.tags }),
    })
    return { status: created ? 201 : 200, body: queueJson(queue) }
  },

  getQueue: async ({ engine, params }) => {
    const [queue, held] = await Promise.all([getQueue(engine, params.queue), counts(engine, params.queue)])
    return { status: 200, body: queueJson(queue, held) }
  },

  updateQueue: async ({ engine, params, body }) => {
    const present = body.fifo && (await getQueue(engine, params.queue))
    const queue = await updateQueue(engine, params.queue, {
      settings: changeFrom(body, present),
      ...(body.tags && { tags: body.tags }),
    })
    return { status: 200, body: queueJson(queue) }
  },

  deleteQueue: async ({ engine, params }) => {
    await deleteQueue(engine, params.queue)
    return { status: 204 }
  },

  purgeQueue: async ({ engine, params }) => {
    await purgeQueue(engine, params.queue)
    return { status: 204 }
  },
} satisfies Operations
