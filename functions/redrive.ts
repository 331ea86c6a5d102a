import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { moveRules } from './operations/move-rules.ts'
import { redriveOperations } from './operations/redrive.ts'
import { theEngine } from './runtime/compose.ts'
import { invokeByClient } from './runtime/lambda-invocation.ts'
import { invokeRedrive, isRedriveEvent, type RedriveEvent } from './runtime/redrive-invocation.ts'
import { continueRedrives } from './runtime/redrives.ts'
import { serve } from './runtime/serve.ts'
import { countMissingRight, endInvocation, lambdaLog } from './runtime/telemetry.ts'

/** Time left for storing the progress of a redrive. */
const ENDING_MS = 5_000

const work = async (event: RedriveEvent, context: Context): Promise<void> => {
  const startedAt = performance.now()
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ENDING_MS))
  try {
    await continueRedrives(theEngine(), {
      signal,
      log: lambdaLog,
      ...(event.holdfast === 'run-redrive' && { tasks: [event] }),
    })
  } finally {
    endInvocation(startedAt)
  }
}

const answer = serve(
  redriveOperations(invokeRedrive(lambdaLog, invokeByClient, countMissingRight), () => moveRules(process.env)),
)

export const handler = (event: APIGatewayProxyEventV2 | RedriveEvent, context: Context) =>
  isRedriveEvent(event) ? work(event, context) : answer(event, context)
