import { observed } from './runtime/observed.ts'
import { DEFAULT_SCOPE, queueNames } from './sqs/queue-url.ts'
import { dispatchQueue } from './triggers/dispatch-queue.ts'
import { lambdaClient, lambdaFunction } from './triggers/lambda-function.ts'

/** HOLDFAST_ACCOUNT and AWS_REGION: the account and region in the ARNs of events. */
const names = queueNames({
  account: process.env.HOLDFAST_ACCOUNT ?? DEFAULT_SCOPE.account,
  region: process.env.AWS_REGION ?? DEFAULT_SCOPE.region,
})

export const handler = observed(dispatchQueue(names, lambdaFunction(lambdaClient())))
