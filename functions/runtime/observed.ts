import type { Context } from 'aws-lambda'
import { endInvocation, observeInLambda } from './telemetry.ts'

/** The handler of a function for events: logs and metrics of its work are written at the end of each invocation, after a failure too. */
export const observed = <E>(work: (event: E, context: Context) => Promise<void>) => {
  observeInLambda()
  return async (event: E, context: Context): Promise<void> => {
    const startedAt = performance.now()
    try {
      await work(event, context)
    } finally {
      endInvocation(startedAt)
    }
  }
}
