import { randomUUID } from 'node:crypto'
import { lambdaHandler } from './http/lambda.ts'
import { noRoute } from './http/no-route.ts'
import { endInvocation, observeInLambda } from './runtime/telemetry.ts'
import { endpointFromEnvironment } from './sqs/deployed-endpoint.ts'
import { isForSqs, type SqsEndpoint } from './sqs/endpoint.ts'

observeInLambda()

let endpoint: SqsEndpoint | undefined

/** The gateway sends this function every request without a route: those of SQS, and HTTP API requests with a wrong path. */
export const handler = lambdaHandler((request, surroundings) => {
  const { path, requestId = randomUUID() } = surroundings
  if (!isForSqs(request, new URL(request.url).search)) {
    return noRoute(request.method, path, requestId)
  }
  endpoint ??= endpointFromEnvironment(process.env)
  return endpoint(request, surroundings)
}, endInvocation)
