import type { Context } from 'aws-lambda'
import { dispatch } from '../lib/triggers/run.ts'
import { theEngine } from './runtime/compose.ts'
import { invokeByClient } from './runtime/lambda-invocation.ts'
import { endInvocation, lambdaLog, observeInLambda } from './runtime/telemetry.ts'
import { DEFAULT_SCOPE, queueNames } from './sqs/queue-url.ts'
import { eventBytesIn } from './triggers/dispatcher-memory.ts'
import { eventInvoker } from './triggers/event-invoker.ts'
import { lambdaClient, lambdaFunction } from './triggers/lambda-function.ts'
import { observeTrigger } from './triggers/observe-trigger.ts'
import { type DispatchEvent, dispatchEvent } from './triggers/trigger-events.ts'

observeInLambda()

/** HOLDFAST_ACCOUNT and AWS_REGION: the account and region in the ARNs of events. */
const names = queueNames({
  account: process.env.HOLDFAST_ACCOUNT ?? DEFAULT_SCOPE.account,
  region: process.env.AWS_REGION ?? DEFAULT_SCOPE.region,
})
const runFunction = lambdaFunction(lambdaClient())

export const handler = async ({ queue }: DispatchEvent, context: Context): Promise<void> => {
  const startedAt = performance.now()
  const engine = theEngine()
  try {
    const end = await dispatch(engine, {
      queue,
      invoker: eventInvoker(engine, names, runFunction, { maxBytes: eventBytesIn(Number(context.memoryLimitInMB)) }),
      endsAt: engine.clock.now() + context.getRemainingTimeInMillis(),
      startRun: (next) => invokeByClient(context.functionName, JSON.stringify(dispatchEvent(next))),
      observe: observeTrigger,
    })
    lambdaLog.debug('a run of a trigger ended', { queue, end })
  } finally {
    endInvocation(startedAt)
  }
}
