import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { plainName } from '../lib/queue.ts'
import { cancelRedrive, getRedrive, listRedrives, startRedrive } from '../lib/redrive.ts'
import type { RedriveTask } from '../lib/redrive-task.ts'
import { theEngine } from './compose.ts'
import { defined, iso } from './http/message-json.ts'
import type { Operations } from './http/operation.ts'
import { invokeByClient } from './lambda-invocation.ts'
import { invokeRedrive, isRedriveEvent, type RedriveEvent } from './redrive-invocation.ts'
import { continueRedrives, type WakeRedrive } from './redrives.ts'
import { serve } from './serve.ts'
import { lambdaLog } from './telemetry.ts'

const taskJson = ({ source, destination, startedAt, ...task }: RedriveTask) => ({
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

/** Kept for noting down how far a redrive got. */
const ENDING_MS = 5_000

const work = async (event: RedriveEvent, context: Context): Promise<void> => {
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ENDING_MS))
  await continueRedrives(theEngine(), {
    signal,
    log: lambdaLog,
    ...(event.holdfast === 'run-redrive' && { tasks: [event] }),
  })
}

const answer = serve(redriveOperations(invokeRedrive(lambdaLog, invokeByClient)))

export const handler = (event: APIGatewayProxyEventV2 | RedriveEvent, context: Context) =>
  isRedriveEvent(event) ? work(event, context) : answer(event, context)
