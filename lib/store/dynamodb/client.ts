import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

/**
 * A client with the settings that the store needs. A request without an answer after three seconds is more often lost than
 * slow, so the client sends it again. Every write is safe to repeat.
 */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
  const client = new DynamoDBClient({
    maxAttempts: 3,
    // These two settings save about a third of the SDK's CPU time for a call.
    cacheMiddleware: true,
    accountIdEndpointMode: 'disabled',
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
    ...config,
  })
  // This middleware copies input and output of every call for a logger, which this client does not have: a tenth of the CPU time.
  client.middlewareStack.remove('loggerMiddleware')
  return client
}
