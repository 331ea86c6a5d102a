import { plainName } from '../../lib/model/queue-settings.ts'
import { cancelRedrive, getRedrive, listRedrives, startRedrive } from '../../lib/redrive/redrive.ts'
import type { RedriveTask } from '../../lib/redrive/redrive-task.ts'
import { defined, iso } from '../http/message-json.ts'
import type { Operations } from '../http/operation.ts'
import type { WakeRedrive } from '../runtime/redrives.ts'

const taskJson = ({ source, destination, startedAt, origins: _, ...task }: RedriveTask) => ({
  ...task,
  source: plainName(source),
  ...(destination !== undefined && { destination: plainName(destination) }),
  startedAt: iso(startedAt),
})

export const redriveOperations = (wake: WakeRedrive) =>
  ({
    startRedrive: async ({ engine, params, body: { filter, ...body } }) => {
      const task = await startRedrive(engine, params.queue, {
        ...defined(body),
        ...(filter && { filter: defined(filter) }),
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
