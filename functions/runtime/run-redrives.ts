import type { Context } from 'aws-lambda'
import { theEngine } from './compose.ts'
import type { RedriveEvent } from './redrive-invocation.ts'
import { continueRedrives } from './redrives.ts'
import { lambdaLog } from './telemetry.ts'

/** Time left for storing the progress of a redrive. */
const ENDING_MS = 5_000

/** Works on the redrive that the event names, or on all that are running, until shortly before the invocation's time is over. */
export const runRedrives = (event: RedriveEvent, context: Context): Promise<void> =>
  continueRedrives(theEngine(), {
    signal: AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ENDING_MS)),
    log: lambdaLog,
    ...(event.holdfast === 'run-redrive' && { tasks: [event] }),
  })
