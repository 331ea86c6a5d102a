import { DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, test } from 'vitest'
import { dynamodbClient } from '../../../../lib/store/dynamodb/client.ts'
import { dynamodbStore } from '../../../../lib/store/dynamodb/dynamodb-store.ts'
import { dynamodbCommits } from '../../../../lib/store/dynamodb/joint-commits.ts'
import { sharedTableOf } from '../../../../lib/store/port.ts'
import { lease, segmentIn, textContent, token } from '../samples.ts'

/** What becomes of one sending: done or not, answered or not. */
type Sending =
  | 'answered'
  | 'lost'
  | 'throttled'
  | 'taken'
  | 'conflict'
  | 'canceled'
  | 'in progress'
  | 'denied'
  | 'failed statements'

const PARTITION = { queue: 'orders', generation: 'g1', shard: 0 }
const ACCESS = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

const ERRORS: Partial<Record<Sending, Record<string, unknown>>> = {
  throttled: {
    __type: 'ThrottlingException',
    ThrottlingReasons: [{ reason: 'TableWriteKeyRangeThroughputExceeded' }],
  },
  taken: { __type: 'ConditionalCheckFailedException' },
  conflict: { __type: 'TransactionConflictException' },
  canceled: { __type: 'TransactionCanceledException', CancellationReasons: [{ Code: 'TransactionConflict' }] },
  'in progress': { __type: 'TransactionInProgressException' },
  denied: { __type: 'ExpiredTokenException' },
}

const FAILED_STATEMENTS = { Responses: [1, 2].map(() => ({ Error: { Code: 'InternalServerError' } })) }

/** A client of the SDK with its own retries, whose connection ends its sendings in this way, and answers the ones behind. */
const table = (script: readonly Sending[], client: (config: object) => DynamoDBClient = dynamodbClient) => {
  const sent: string[] = []
  const handle = async ({ body, headers }: { body: Uint8Array; headers: Record<string, string> }) => {
    const target = String(headers['x-amz-target']).split('.')[1] as string
    sent.push(
      target === 'TransactWriteItems'
        ? `${target} ${JSON.parse(Buffer.from(body).toString()).ClientRequestToken}`
        : target,
    )
    const fate = script[sent.length - 1] ?? 'answered'
    if (fate === 'lost') throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET', name: 'TimeoutError' })
    const error = ERRORS[fate]
    const answer = fate === 'failed statements' ? FAILED_STATEMENTS : {}
    const text = JSON.stringify(error ? { message: fate, ...error } : answer)
    const type = { 'content-type': 'application/x-amz-json-1.0' }
    return { response: { statusCode: error ? 400 : 200, headers: type, body: Buffer.from(text) } }
  }
  const sdk = client({ ...ACCESS, requestHandler: { handle, metadata: { handlerProtocol: 'http/1.1' } } })
  return { sent, sdk, store: dynamodbStore({ client: sdk, table: 'holdfast' }) }
}

const insert = (store: ReturnType<typeof table>['store']) =>
  store.insert({ segment: segmentIn(PARTITION), content: textContent('a') })

const times = (count: number, sending: Sending): Sending[] => Array.from({ length: count }, () => sending)

/** The most that a write is sent: four times by the SDK, and as often after each of five waits. */
const PATIENT = 24

describe('a write', () => {
  test('that is throttled at every sending was not done', async () => {
    const { sent, store } = table(times(40, 'throttled'))
    await expect(insert(store)).rejects.toMatchObject({ code: 'Throttled', fields: { reason: 'key-range' } })
    expect(sent).toHaveLength(4)
  })

  test('that is throttled after a lost answer is sent again until it is known to be done', async () => {
    const { sent, store } = table(['lost', ...times(6, 'throttled'), 'taken'])
    expect(await insert(store)).toBe('exists')
    expect(sent).toHaveLength(8)
  })

  test('that stays throttled after a lost answer may have been done', async () => {
    const { sent, store } = table(['throttled', 'lost', ...times(40, 'throttled')])
    await expect(insert(store)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      message: 'DynamoDB did not answer the request and throttled or refused its repeat: it may have been done',
    })
    expect(sent).toHaveLength(PATIENT)
  })

  test('that conflicts with transactions after a lost answer may have been done', async () => {
    const { store } = table(['lost', ...times(40, 'conflict')])
    await expect(insert(store)).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  test('that only conflicts with transactions was not done', async () => {
    const { store } = table(times(40, 'conflict'))
    await expect(insert(store)).rejects.toMatchObject({ code: 'Throttled', fields: { reason: 'contention' } })
  })

  test('through a client that ignores middleware may have been done when it was sent more than once', async () => {
    const { store, sdk } = table(times(40, 'throttled'))
    sdk.middlewareStack.remove('holdfastLostAnswers')
    await expect(insert(store)).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  test('through such a client stays in doubt when the SDK has no tries left for the repeat', async () => {
    const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 })
    let left = 1
    const retryStrategy = {
      acquireInitialRetryToken: async () => token(0),
      refreshRetryTokenForRetry: async () => {
        if (left-- <= 0) throw new Error('no tries left')
        return token(1)
      },
      recordSuccess: () => {},
    }
    const script: Sending[] = ['lost', ...times(40, 'throttled')]
    const { store, sdk } = table(script, (config) => dynamodbClient({ ...config, retryStrategy }))
    sdk.middlewareStack.remove('holdfastLostAnswers')
    await expect(insert(store)).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })
})

describe('a read', () => {
  test('that is throttled after a lost answer is throttled', async () => {
    const { sent, store } = table(['lost', ...times(40, 'throttled')])
    const key = { partition: 'q', sort: 'orders' }
    await expect(store.getDocument(key)).rejects.toMatchObject({ code: 'Throttled' })
    expect(sent).toHaveLength(4)
  })
})

describe('a consistent read of a document', () => {
  const key = { partition: 'q', sort: 'orders' }

  test('that is throttled is sent again until there is capacity', async () => {
    const { sent, store } = table(times(6, 'throttled'))
    expect(await store.getDocument(key, { consistent: true })).toBeUndefined()
    expect(sent).toHaveLength(7)
  })

  test('that stays throttled fails', async () => {
    const { sent, store } = table(times(40, 'throttled'))
    await expect(store.getDocument(key, { consistent: true })).rejects.toMatchObject({ code: 'Throttled' })
    expect(sent).toHaveLength(PATIENT)
  })
})

describe('changes', () => {
  const changes = [1, 2].map((n) => ({
    key: segmentIn(PARTITION, { n }).key,
    requires: { kind: 'version' as const, version: 1 },
    slots: [[0, lease()] as const],
  }))
  const codes = async (script: readonly Sending[]) => {
    const outcomes = await table(script).store.change(changes)
    return outcomes.map((outcome) => (outcome.applied ? 'applied' : (outcome.error?.code ?? 'refused')))
  }

  test('of a batch that is throttled after a lost answer may have been done', async () => {
    expect(await codes(['lost', ...times(80, 'throttled')])).toEqual(['StoreUnavailable', 'StoreUnavailable'])
  })

  test('of a batch whose statements failed inside DynamoDB may have been done', async () => {
    expect(await codes(['failed statements', ...times(80, 'throttled')])).toEqual([
      'StoreUnavailable',
      'StoreUnavailable',
    ])
  })

  test('that are throttled at every sending were not done', async () => {
    const single = [
      {
        ...(changes[0] as (typeof changes)[0]),
        requires: { kind: 'slots' as const, slots: [[0, { kind: 'token' as const, token: token(1) }] as const] },
      },
    ]
    const [outcome] = await table(times(80, 'throttled')).store.change(single)
    expect(outcome).toMatchObject({ applied: false, error: { code: 'Throttled' } })
  })
})

describe('a transaction', () => {
  const puts = ['a', 'b'].map((sort) => ({ kind: 'put' as const, key: { partition: 'p', sort }, value: 1 }))
  const tokens = (sent: readonly string[]) => new Set(sent).size

  test('that is throttled after a lost answer is sent again under its token', async () => {
    const { sent, store } = table(['lost', ...times(5, 'throttled')])
    expect(await store.transact(puts)).toEqual({ applied: true })
    expect(tokens(sent)).toBe(1)
  })

  test('that stays throttled after a lost answer may have been done', async () => {
    const { sent, store } = table(['lost', ...times(40, 'throttled')])
    await expect(store.transact(puts)).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(tokens(sent)).toBe(1)
  })

  test('that is throttled at every sending was not done', async () => {
    const { sent, store } = table(times(40, 'throttled'))
    await expect(store.transact(puts)).rejects.toMatchObject({ code: 'Throttled' })
    expect(sent).toHaveLength(4)
  })

  test('that is cancelled by a conflict takes a new token, unless an earlier sending had no answer', async () => {
    const cancelled = table(['canceled', 'canceled'])
    expect(await cancelled.store.transact(puts)).toEqual({ applied: true })
    expect(tokens(cancelled.sent)).toBe(3)
    const unsure = table(['lost', 'canceled', 'canceled'])
    expect(await unsure.store.transact(puts)).toEqual({ applied: true })
    expect(tokens(unsure.sent)).toBe(1)
  })

  test('that stays in progress may have been done', async () => {
    const { store } = table(times(40, 'in progress'))
    await expect(store.transact(puts)).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })
})

describe('a commit with entries of the caller', () => {
  const send = async (script: readonly Sending[], client?: (config: object) => DynamoDBClient) => {
    const { store, sdk } = table(script, client)
    const shared = sharedTableOf(store)
    if (!shared) throw new Error('the store has no table')
    const commits = dynamodbCommits(shared, [], sdk)
    const prepared = commits.prepare([{ kind: 'put', key: { partition: 'p', sort: 'a' }, value: 1 }])
    return commits.send(prepared, 'token')
  }

  test.each<[string, (config: object) => DynamoDBClient]>([
    ['the client of the store', (config) => dynamodbClient({ ...config, maxAttempts: 2 })],
    ['a client of the caller', (config) => new DynamoDBClient({ ...config, maxAttempts: 2 })],
  ])('through %s is unknown when it is throttled after a lost answer', async (_, client) => {
    expect(await send(['lost', 'throttled'], client)).toMatchObject({ kind: 'unknown' })
    const refused = { kind: 'refused', error: { code: 'Throttled' } }
    expect(await send(['throttled', 'throttled'], client)).toMatchObject(refused)
    expect(await send(['throttled', 'canceled'], client)).toMatchObject({ kind: 'canceled', resent: false })
    expect(await send(['lost', 'canceled'], client)).toMatchObject({ kind: 'canceled', resent: true })
    expect(await send(['lost', 'denied'], client)).toMatchObject({ kind: 'unknown' })
    expect(await send(['denied'], client)).toMatchObject({ kind: 'refused', error: { code: 'AccessDenied' } })
  })

  test('through a client whose calls are cached is unknown when it was sent more than once', async () => {
    const cached = (config: object) => {
      const client = new DynamoDBClient({ ...config, cacheMiddleware: true, maxAttempts: 2 })
      // The client resolves its middleware at its first call.
      void client.send(new TransactWriteItemsCommand({ TransactItems: [] })).catch(() => {})
      return client
    }
    expect(await send(['answered', 'throttled', 'throttled'], cached)).toMatchObject({ kind: 'unknown' })
  })
})
