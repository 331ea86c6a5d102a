import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists, invalid } from '../../lib/model/errors.ts'
import { changedSettings, newQueueSettings } from '../../lib/model/given-settings.ts'
import { asQueue, type QueueState } from '../../lib/model/queue-record.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { type Counts, counts } from '../../lib/queues/counts.ts'
import { createQueue, type QueueCreation } from '../../lib/queues/create-queue.ts'
import { deadLetterSource } from '../../lib/queues/dead-letter-source.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { listQueueStates } from '../../lib/queues/list-queues.ts'
import { purgeQueue } from '../../lib/queues/purge-queue.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import type { Operations } from '../http/operation.ts'
import { HttpRefusal } from '../http/problem.ts'
import { extrasFrom, queueJson } from '../http/queue-json.ts'
import { type NewQueueBody, type QueueChangeBody, settingsIn } from '../http/settings-shape.ts'
import type { QueueNames } from '../sqs/queue-url.ts'
import { countsByQueue } from './measure-queues.ts'
import { checkMove, type MoveRules } from './move-rules.ts'
import { operations as triggers } from './triggers.ts'

/** Queues of one page whose messages are counted: each costs what `GET /queues/{queue}` does. */
const COUNTED_PAGE = 100

/** `rules` is called at each request, so that a fault of the environment is an answer to the caller. */
export const queueOperations = (rules: () => MoveRules) => ({ ...ofQueues(rules), ...triggers })

const ofQueues = (rules: () => MoveRules) => {
  const names = () => rules().names
  return {
    listQueues: async ({ engine, query: { include, ...query } }) => {
      if (include) checkCountedPage(query.limit)
      const { states, cursor } = await listQueueStates(engine, withoutUndefined(query))
      const counted = include ? await countsByQueue(engine, states) : new Map<QueueState, Counts>()
      const shown = states.map((state) => queueJson(asQueue(state), names(), counted.get(state)))
      return { status: 200, body: { queues: shown, cursor } }
    },

    createQueue: async ({ engine, params, body }) => {
      await checkDeadLetterMove(engine, rules(), params.queue, body)
      const { queue, created } = await createQueue(engine, params.queue, creationFrom(params.queue, body, names()))
      return { status: created ? 201 : 200, body: queueJson(queue, names()) }
    },

    getQueue: async ({ engine, params }) => {
      const [queue, held] = await Promise.all([getQueue(engine, params.queue), counts(engine, params.queue)])
      return { status: 200, body: queueJson(queue, names(), held) }
    },

    updateQueue: async ({ engine, params, body }) => {
      await checkDeadLetterMove(engine, rules(), params.queue, body)
      const queue = await updateQueue(engine, params.queue, (present) => changeFrom(present, body, names()))
      return { status: 200, body: queueJson(queue, names()) }
    },

    deleteQueue: async ({ engine, params, query: { force } }) => {
      if (force !== 'true') await checkUnused(engine, params.queue)
      await deleteQueue(engine, params.queue)
      return { status: 204 }
    },

    purgeQueue: async ({ engine, params }) => {
      await purgeQueue(engine, params.queue)
      return { status: 204 }
    },
  } satisfies Operations
}

const checkCountedPage = (limit: number | undefined): void => {
  if (limit !== undefined && limit > COUNTED_PAGE) {
    throw invalid('limit', limit, `must be at most ${COUNTED_PAGE} with include=counts`)
  }
}

const creationFrom = (name: string, body: NewQueueBody, names: QueueNames): QueueCreation => ({
  settings: newQueueSettings(name, settingsIn(body)),
  ...(body.tags && { tags: body.tags }),
  extras: withoutUndefined(extrasFrom(body, names)) as Record<string, string>,
})

const changeFrom = (present: Queue, body: QueueChangeBody, names: QueueNames) => ({
  settings: changedSettings(settingsIn(body), present.settings),
  ...(body.tags && { tags: body.tags }),
  extras: extrasFrom(body, names),
})

/** Naming the present dead-letter queue again needs no right. */
const checkDeadLetterMove = async (
  engine: Engine,
  rules: MoveRules,
  name: string,
  { deadLetter }: NewQueueBody | QueueChangeBody,
): Promise<void> => {
  if (!deadLetter) return
  const present = await ifQueueExists(engine.queues.fresh(name))
  if (present?.settings.deadLetter?.queue === deadLetter.queue) return
  await checkMove(engine, rules, { from: name, to: deadLetter.queue, field: 'deadLetter.queue' })
}

const checkUnused = async (engine: Engine, name: string): Promise<void> => {
  await engine.queues.fresh(name)
  const source = await deadLetterSource(engine, name, { exceptItself: true })
  if (!source) return
  throw new HttpRefusal('QueueInUse', `queue ${name} is the dead-letter queue of ${source.name}`, {
    value: name,
    hint: `PATCH /queues/${source.name} with another deadLetter, or null, first; or delete with ?force=true, after which messages that would be dead-lettered stay in their queue.`,
  })
}
