import type { Context } from 'aws-lambda'
import { writingAtEnd } from './invocation-end.ts'
import { endInvocation, observeInLambda } from './telemetry.ts'

/** The handler of a function for events: logs and metrics of its work are written at the end of each invocation, after a failure too. */
export const observed = <E>(work: (event: E, context: Context) => Promise<void>) => {
  observeInLambda()
  return (event: E, context: Context): Promise<void> => writingAtEnd(context, endInvocation, () => work(event, context))
}
