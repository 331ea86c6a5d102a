import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

/**
 * A client with the settings that the store needs. A request without an answer after three seconds is more often lost than
 * slow, so the client sends it again. Every write is safe to repeat.
 */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
  const client = new DynamoDBClient({
    maxAttempts: 4,
    // These two settings save about a third of the SDK's CPU time for a call.
    cacheMiddleware: true,
    accountIdEndpointMode: 'disabled',
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
    ...config,
  })
  // This middleware copies input and output of every call for a logger, which this client does not have: a tenth of the CPU time.
  client.middlewareStack.remove('loggerMiddleware')
  repeatThrottledSoon(client)
  return client
}

/**
 * The SDK waits up to a second before it repeats a request that was throttled, and up to two before the next try. A partition of
 * DynamoDB has capacity again within milliseconds, and the engine has other shards to try: so a throttled request is repeated after
 * the delay of any other failure, 25 ms at first. The cost in the SDK's retry tokens is that of other failures too, so a client
 * whose requests are mostly throttled soon repeats none.
 */
const repeatThrottledSoon = ({ config }: DynamoDBClient): void => {
  const { retryStrategy } = config
  config.retryStrategy = async () => soonAfterThrottles(await retryStrategy())
}

type RetryStrategy = Awaited<ReturnType<DynamoDBClient['config']['retryStrategy']>>

const soonAfterThrottles = (strategy: RetryStrategy): RetryStrategy => {
  // A strategy of an older kind, which a caller's configuration may have.
  if (!('refreshRetryTokenForRetry' in strategy)) return strategy
  return {
    acquireInitialRetryToken: (scope) => strategy.acquireInitialRetryToken(scope),
    refreshRetryTokenForRetry: (token, failure) =>
      strategy.refreshRetryTokenForRetry(
        token,
        failure.errorType === 'THROTTLING' ? { ...failure, errorType: 'TRANSIENT' } : failure,
      ),
    recordSuccess: (token) => strategy.recordSuccess(token),
  }
}
