import { createApp } from '../http/app.ts'
import { lambdaHandler } from '../http/lambda.ts'
import type { Operations } from '../http/operation.ts'
import { theEngine } from './compose.ts'
import { countAnswer, endInvocation, lambdaLog, observeInLambda } from './telemetry.ts'

/** The Lambda handler of a function that serves these operations over HTTP. */
export const serve = (operations: Operations) => {
  observeInLambda()
  const app = createApp({ operations, engine: theEngine, log: lambdaLog, answered: countAnswer })
  return lambdaHandler((request, surroundings) => app.fetch(request, surroundings), endInvocation)
}
