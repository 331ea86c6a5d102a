import {
  BatchGetItemCommand,
  DynamoDBClient,
  GetItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { claim } from '../../../../lib/model/segment-change.ts'
import { dynamodbStore } from '../../../../lib/store/dynamodb/dynamodb-store.ts'
import { fault } from '../../../../lib/store/dynamodb/faults.ts'
import { headerItem } from '../../../../lib/store/dynamodb/header-item.ts'
import type { Write } from '../../../../lib/store/port.ts'
import { START } from '../../../support/manual-clock.ts'
import { lease, segmentIn, token } from '../samples.ts'

const client = new DynamoDBClient({ region: 'us-east-1' })
const mock = mockClient(client)
const store = dynamodbStore({ client, table: 'holdfast' })

const SEGMENT = segmentIn({ queue: 'orders', generation: 'g1', shard: 0 })
const CHANGE = claim(SEGMENT, [0], { token: token(4), now: START, until: START + 1 })
const DOCUMENT = { partition: 'p', sort: 's' }

const failure = (name: string, more: object = {}): Error => Object.assign(new Error('said DynamoDB'), { name }, more)
const refusedWith = (httpStatusCode: number) => ({ $fault: 'client', $metadata: { httpStatusCode } })

beforeEach(() => {
  mock.reset()
})

describe('a failure of DynamoDB becomes', () => {
  test.each([
    ['Throttled', 'ProvisionedThroughputExceededException', {}],
    ['Throttled', 'ThrottlingException', {}],
    ['Throttled', 'RequestLimitExceeded', {}],
    ['AccessDenied', 'AccessDeniedException', refusedWith(400)],
    ['AccessDenied', 'UnrecognizedClientException', refusedWith(400)],
    ['AccessDenied', 'ExpiredTokenException', refusedWith(400)],
    ['AccessDenied', 'CredentialsProviderError', {}],
    ['Internal', 'ResourceNotFoundException', refusedWith(400)],
    ['Internal', 'ValidationException', refusedWith(400)],
    ['StoreUnavailable', 'InternalServerError', { $fault: 'server', $metadata: { httpStatusCode: 500 } }],
    ['StoreUnavailable', 'ServiceUnavailable', { $fault: 'server', $metadata: { httpStatusCode: 503 } }],
    ['StoreUnavailable', 'TimeoutError', {}],
    ['StoreUnavailable', 'Error', { code: 'ECONNRESET' }],
  ])('%s when it is %s', async (code, name, more) => {
    const cause = failure(name, more)
    mock.on(GetItemCommand).rejects(cause)
    mock.on(UpdateItemCommand).rejects(cause)
    mock.on(TransactWriteItemsCommand).rejects(cause)
    const retryable = code === 'Throttled' || code === 'StoreUnavailable'
    const expected = expect.objectContaining({ name: 'HoldfastError', code, retryable, cause })
    await expect(store.getDocument(DOCUMENT)).rejects.toEqual(expected)
    await expect(store.transact([put(1), put(2)])).rejects.toEqual(expected)
    expect(await store.change([CHANGE])).toEqual([{ applied: false, segment: undefined, error: expected }])
  })
})

describe('a throttled request has the reason', () => {
  // As the exceptions spell it: two with a capital, one without.
  const because = (...reasons: string[]) => reasons.map((reason) => ({ reason, resource: 'arn:aws:dynamodb:table' }))
  test.each([
    ['ThrottlingException', { throttlingReasons: because('TableWriteKeyRangeThroughputExceeded') }, 'key-range'],
    [
      'ProvisionedThroughputExceededException',
      { ThrottlingReasons: because('TableWriteKeyRangeThroughputExceeded') },
      'key-range',
    ],
    [
      'ProvisionedThroughputExceededException',
      { ThrottlingReasons: because('TableWriteProvisionedThroughputExceeded') },
      'provisioned-capacity',
    ],
    [
      'ThrottlingException',
      { throttlingReasons: because('TableReadMaxOnDemandThroughputExceeded') },
      'configured-maximum',
    ],
    [
      'ThrottlingException',
      {
        throttlingReasons: because('TableWriteMaxOnDemandThroughputExceeded', 'TableWriteKeyRangeThroughputExceeded'),
      },
      'key-range',
    ],
    ['RequestLimitExceeded', { ThrottlingReasons: because('TableWriteAccountLimitExceeded') }, 'account-limit'],
    ['RequestLimitExceeded', {}, 'account-limit'],
    ['ProvisionedThroughputExceededException', {}, 'unknown'],
    ['ThrottlingException', { throttlingReasons: because('SomethingNew') }, 'unknown'],
    ['ThrottlingException', { throttlingReasons: [{}] }, 'unknown'],
  ])('%s %j: %s', async (name, more, reason) => {
    mock.on(GetItemCommand).rejects(failure(name, more))
    await expect(store.getDocument(DOCUMENT)).rejects.toMatchObject({ code: 'Throttled', fields: { reason } })
  })
})

const put = (value: number): Write => ({ kind: 'put', key: { ...DOCUMENT, sort: String(value) }, value })

test('a condition that failed is no failure: it answers what it met', async () => {
  const met = { ...SEGMENT, version: 2, slots: [lease({ n: 7 })] }
  mock.on(UpdateItemCommand).rejects(failure('ConditionalCheckFailedException', { Item: headerItem(met) }))
  expect(await store.change([CHANGE])).toEqual([{ applied: false, segment: met }])
  mock.on(UpdateItemCommand).rejects(failure('ConditionalCheckFailedException'))
  expect(await store.change([CHANGE])).toEqual([{ applied: false, segment: undefined }])
})

test('a write that meets a transaction is sent again', async () => {
  const conflict = failure('TransactionConflictException', refusedWith(400))
  mock.on(UpdateItemCommand).rejectsOnce(conflict).rejectsOnce(conflict).resolves({})
  expect(await store.change([CHANGE])).toMatchObject([{ applied: true }])
  expect(mock.calls()).toHaveLength(3)
})

test('a write that keeps meeting transactions fails in the end, by contention', async () => {
  mock.on(UpdateItemCommand).rejects(failure('TransactionConflictException', refusedWith(400)))
  expect(await store.change([CHANGE])).toEqual([
    {
      applied: false,
      segment: undefined,
      error: expect.objectContaining({ code: 'Throttled', fields: { reason: 'contention' } }),
    },
  ])
  expect(mock.calls()).toHaveLength(5)
})

describe('a transaction that was cancelled', () => {
  const cancelled = (...codes: string[]) =>
    failure('TransactionCanceledException', {
      ...refusedWith(400),
      CancellationReasons: codes.map((Code) => ({ Code })),
    })

  test('names the writes whose condition failed', async () => {
    mock.on(TransactWriteItemsCommand).rejects(cancelled('None', 'ConditionalCheckFailed'))
    expect(await store.transact([put(1), put(2)])).toEqual({ applied: false, failures: [{ write: 1 }] })
    expect(mock.calls()).toHaveLength(1)
  })

  test('by another one is tried again', async () => {
    mock.on(TransactWriteItemsCommand).rejectsOnce(cancelled('TransactionConflict', 'None')).resolves({})
    expect(await store.transact([put(1), put(2)])).toEqual({ applied: true })
  })

  test.each([
    ['ThrottlingError', 'Throttled', { reason: 'unknown' }],
    ['ProvisionedThroughputExceeded', 'Throttled', { reason: 'unknown' }],
    ['TransactionConflict', 'Throttled', { reason: 'contention' }],
    ['ValidationError', 'Internal', {}],
  ])('for %s fails as %s', async (reason, code, fields) => {
    mock.on(TransactWriteItemsCommand).rejects(cancelled('None', reason))
    await expect(store.transact([put(1), put(2)])).rejects.toMatchObject({ code, fields })
  })
})

describe('keys that a batch left unread', () => {
  const key = { pk: { S: 's#orders#g1#0' }, sk: { S: SEGMENT.key.sort } }

  test('are asked for again', async () => {
    mock
      .on(BatchGetItemCommand)
      .resolvesOnce({ Responses: {}, UnprocessedKeys: { holdfast: { Keys: [key] } } })
      .resolves({ Responses: { holdfast: [headerItem(SEGMENT)] } })
    expect(await store.read([SEGMENT.key])).toEqual([{ segment: SEGMENT, content: undefined }])
  })

  test('again and again are throttled', async () => {
    mock.on(BatchGetItemCommand).resolves({ Responses: {}, UnprocessedKeys: { holdfast: { Keys: [key] } } })
    await expect(store.read([SEGMENT.key])).rejects.toMatchObject({ code: 'Throttled' })
  })
})

test.each([
  ['Region is missing', 'set AWS_REGION'],
  ['Could not load credentials from any providers', 'set AWS_PROFILE'],
])('a process without settings gets advice, and tries again: %s', (message, advice) => {
  // The SDK says the same of credentials when the metadata service does not answer for a moment.
  const expected = { code: 'StoreUnavailable', retryable: true, message: expect.stringContaining(advice) }
  expect(fault(new Error(message), 'table')).toMatchObject(expected)
})
