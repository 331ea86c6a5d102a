import { expect, test } from 'vitest'
import { dynamodbClient } from '../../../../lib/store/dynamodb/client.ts'

type Strategy = Awaited<ReturnType<ReturnType<typeof dynamodbClient>['config']['retryStrategy']>>
const ACCESS = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

const newStyle = (strategy: Strategy) => {
  if (!('refreshRetryTokenForRetry' in strategy)) throw new Error('the SDK has another kind of retry strategy')
  return strategy
}

test('the SDK repeats a throttled request as soon as one that failed otherwise', async () => {
  const asked: unknown[] = []
  const token = { getRetryCount: () => 0, getRetryDelay: () => 0 }
  const client = dynamodbClient({
    ...ACCESS,
    retryStrategy: {
      acquireInitialRetryToken: async () => token,
      refreshRetryTokenForRetry: async (_, failure) => {
        asked.push(failure.errorType)
        return token
      },
      recordSuccess: () => {},
    },
  })
  const strategy = newStyle(await client.config.retryStrategy())
  for (const errorType of ['THROTTLING', 'TRANSIENT', 'CLIENT_ERROR'] as const) {
    await strategy.refreshRetryTokenForRetry(token, { errorType })
  }
  expect(asked).toEqual(['TRANSIENT', 'TRANSIENT', 'CLIENT_ERROR'])
})

test('the SDK’s own strategy gives up a request that is throttled at the fourth try', async () => {
  const strategy = newStyle(await dynamodbClient(ACCESS).config.retryStrategy())
  const repeated = async () => {
    let token = await strategy.acquireInitialRetryToken('')
    for (let tries = 1; ; tries++) {
      try {
        token = await strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' })
      } catch {
        return tries
      }
    }
  }
  expect(await repeated()).toBe(4)
})
