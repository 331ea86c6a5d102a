import type { Engine } from '../../lib/engine.ts'
import { plainName } from '../../lib/model/queue-name.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { deadLetterSource } from '../../lib/queues/dead-letter-source.ts'
import { cancelRedrive, getRedrive, listRedrives, startRedrive } from '../../lib/redrive/redrive.ts'
import type { RedriveTask } from '../../lib/redrive/redrive-task.ts'
import { previewUndo, undoRedrive } from '../../lib/redrive/undo.ts'
import { iso } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import { HttpRefusal } from '../http/problem.ts'
import type { WakeRedrive } from '../runtime/redrives.ts'
import { checkMove, type MoveRules } from './move-rules.ts'

const taskJson = ({ source, destination, startedAt, origins: _, ...task }: RedriveTask) => ({
  ...task,
  source: plainName(source),
  ...(destination !== undefined && { destination: plainName(destination) }),
  startedAt: iso(startedAt),
})

const undoOperations = (wake: WakeRedrive, rules: () => MoveRules) =>
  ({
    previewUndo: async ({ engine, params: { queue, taskId }, signal }) => {
      await checkUndo(engine, rules(), queue, taskId)
      return { status: 200, body: await previewUndo(engine, queue, taskId, { signal }) }
    },

    undoRedrive: async ({ engine, params: { queue, taskId }, body }) => {
      await checkUndo(engine, rules(), queue, taskId)
      const task = await undoRedrive(engine, queue, taskId, withoutUndefined(body))
      await wake(queue, task.taskId)
      return { status: 202, body: taskJson(task) }
    },
  }) satisfies Operations

export const redriveOperations = (wake: WakeRedrive, rules: () => MoveRules) =>
  ({
    ...undoOperations(wake, rules),

    startRedrive: async ({ engine, params, body: { filter, ...body } }) => {
      const { destination } = body
      await checkDeadLetterQueue(engine, params.queue)
      if (destination !== undefined) {
        await checkMove(engine, rules(), { from: params.queue, to: destination, field: 'destination' })
      }
      const task = await startRedrive(engine, params.queue, {
        ...withoutUndefined(body),
        ...(filter && { filter: withoutUndefined(filter) }),
      })
      await wake(params.queue, task.taskId)
      return { status: 202, body: taskJson(task) }
    },

    listRedrives: async ({ engine, params }) => ({
      status: 200,
      body: { redrives: (await listRedrives(engine, params.queue)).map(taskJson) },
    }),

    getRedrive: async ({ engine, params }) => ({
      status: 200,
      body: taskJson(await getRedrive(engine, params.queue, params.taskId)),
    }),

    cancelRedrive: async ({ engine, params }) => ({
      status: 200,
      body: taskJson(await cancelRedrive(engine, params.queue, params.taskId)),
    }),
  }) satisfies Operations

/**
 * An undo needs what the redrive needed, and the same for the way back: the destination that the redrive named must let messages of the
 * dead-letter queue in still, and that queue those of the destination. A redrive to the queues where the messages failed named none.
 */
const checkUndo = async (engine: Engine, rules: MoveRules, queue: string, taskId: string): Promise<void> => {
  const { destination } = await getRedrive(engine, queue, taskId)
  if (destination === undefined) return
  await checkMove(engine, rules, { from: queue, to: destination, field: 'taskId' })
  await checkMove(engine, rules, { from: destination, to: queue, field: 'taskId' })
}

const checkDeadLetterQueue = async (engine: Engine, name: string): Promise<void> => {
  await engine.queues.fresh(name)
  if (await deadLetterSource(engine, name)) return
  throw new HttpRefusal('NoDeadLetterQueue', `queue ${name} is not the dead-letter queue of any queue`, {
    value: name,
    hint: `Nothing is dead-lettered into it, so nothing can be sent back. Where it was a dead-letter queue before, PATCH a queue with {"deadLetter":{"queue":"${name}","maxReceives":5}} first.`,
  })
}
