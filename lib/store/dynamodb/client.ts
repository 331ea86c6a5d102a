import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'

/**
 * A client with the settings that the store needs. A request that takes longer than a second is more often lost than slow, so it is
 * sent again soon. Every write is safe to repeat.
 */
export const dynamodbClient = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
  const client = new DynamoDBClient({
    maxAttempts: 3,
    // Together about a third of the SDK's CPU time for a call.
    cacheMiddleware: true,
    accountIdEndpointMode: 'disabled',
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
    ...config,
  })
  // It copies input and output of every call for a logger that there is none of: a tenth of the CPU time.
  client.middlewareStack.remove('loggerMiddleware')
  return client
}
