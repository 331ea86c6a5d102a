import { done, type HttpCalls, listIn, queuePath } from './http-answers.ts'
import { countsFrom, queueFrom } from './http-wire.ts'
import type { Transport } from './port.ts'
import { present, textIn } from './wire-values.ts'

type QueueCalls = Pick<
  Transport,
  'createQueue' | 'getQueue' | 'updateQueue' | 'deleteQueue' | 'purgeQueue' | 'listQueues' | 'counts'
>

export const queueCalls = (calls: HttpCalls): QueueCalls => {
  const { call, request } = calls
  return {
    createQueue: async (queue, given, options) => {
      // A new queue has nothing that `null` could remove.
      const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
      const { status, json } = await request({ method: 'PUT', path: queuePath(queue), body, ...options })
      return { queue: queueFrom(json), created: status === 201 }
    },
    getQueue: async (queue, options) => queueFrom(await call({ method: 'GET', path: queuePath(queue), ...options })),
    updateQueue: async (queue, given, options) =>
      queueFrom(await call({ method: 'PATCH', path: queuePath(queue), body: given, ...options })),
    deleteQueue: async (queue, { force, ...options } = {}) => {
      const query = force ? { force: 'true' } : {}
      await done(calls, { method: 'DELETE', path: queuePath(queue), query, doneWhen: 'QueueNotFound', ...options })
    },
    purgeQueue: async (queue, options) => {
      await done(calls, {
        method: 'POST',
        path: queuePath(queue, '/purge'),
        body: {},
        doneWhen: 'PurgeInProgress',
        ...options,
      })
    },
    listQueues: async (query, options) => {
      const page = await call({ method: 'GET', path: '/queues', query, ...options })
      return { queues: listIn(page, 'queues').map(queueFrom), ...present(page, ['cursor'], textIn) }
    },
    counts: async (queue, options) => countsFrom(await call({ method: 'GET', path: queuePath(queue), ...options })),
  }
}
