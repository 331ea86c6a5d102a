import type { Context } from 'aws-lambda'
import { dispatch } from '../../lib/triggers/run.ts'
import { theEngine } from '../runtime/compose.ts'
import { invokeByClient } from '../runtime/lambda-invocation.ts'
import { lambdaLog } from '../runtime/telemetry.ts'
import type { QueueNames } from '../sqs/queue-url.ts'
import { eventBytesIn } from './dispatcher-memory.ts'
import { eventInvoker, type RunFunction } from './event-invoker.ts'
import { observeTrigger } from './observe-trigger.ts'
import { type DispatchEvent, dispatchEvent } from './trigger-events.ts'

/**
 * Runs a trigger until it has no work, or until the time of the invocation is over. Then the next run is an invocation of the
 * same function.
 *
 * @param names makes the ARNs of events
 */
export const dispatchQueue =
  (names: QueueNames, runFunction: RunFunction) =>
  async ({ queue }: DispatchEvent, context: Context): Promise<void> => {
    const engine = theEngine()
    const end = await dispatch(engine, {
      queue,
      invoker: eventInvoker(engine, names, runFunction, { maxBytes: eventBytesIn(Number(context.memoryLimitInMB)) }),
      endsAt: engine.clock.now() + context.getRemainingTimeInMillis(),
      startRun: (next) => invokeByClient(context.functionName, JSON.stringify(dispatchEvent(next))),
      observe: observeTrigger,
    })
    lambdaLog.debug('a run of a trigger ended', { queue, end })
  }
