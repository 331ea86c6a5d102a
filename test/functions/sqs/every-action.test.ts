import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ACTION_NAMES } from '../../../functions/sqs/model.ts'
import { dynamodbStore } from '../../../lib/store/dynamodb/dynamodb-store.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../../support/embedded.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { testEngine } from '../../support/test-engine.ts'
import { failureOf, type JsonAnswer, type SqsHarness, sqsHarness } from './harness.ts'

/** Every action once, on the embedded engine and, in `npm run test:dynamodb-local`, on Amazon's DynamoDB Local. */
describe.skipIf(noEmbedded())('on DynamoDB', () => {
  let table: EmbeddedTable
  let clock: ManualClock
  let sqs: SqsHarness
  const used = new Set<string>()
  const call = async (action: string, input: object = {}): Promise<JsonAnswer> => {
    used.add(action)
    return sqs.json(action, input)
  }
  /** The answer's body, of an action that is to succeed. */
  const done = async (action: string, input: object = {}) => {
    const answer = await call(action, input)
    expect([action, answer.status, answer.body?.message]).toEqual([action, 200, undefined])
    return answer.body
  }
  const named = (name: string) => `${name}-${randomUUID().slice(0, 8)}`
  const queue = async (name: string, Attributes: Record<string, string> = {}): Promise<string> =>
    (await done('CreateQueue', { QueueName: name, Attributes })).QueueUrl
  const arnOf = async (QueueUrl: string): Promise<string> =>
    (await done('GetQueueAttributes', { QueueUrl, AttributeNames: ['QueueArn'] })).Attributes.QueueArn
  const receive = async (QueueUrl: string, more: object = {}) =>
    (await done('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? []
  const bodiesOf = (messages: readonly { Body: string }[]) => messages.map(({ Body }) => Body).sort()

  beforeAll(async () => {
    table = await embeddedTable()
    clock = manualClock()
    sqs = sqsHarness({}, testEngine({ clock, store: dynamodbStore({ ...table, clock }) }))
  })
  afterAll(() => table.close())

  test('a queue is created, described, changed, tagged, listed, purged and deleted', async () => {
    const name = named('orders')
    const QueueUrl = await queue(name, { VisibilityTimeout: '60' })
    expect(await done('GetQueueUrl', { QueueName: name })).toEqual({ QueueUrl })
    await done('SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: '1' } })
    const { Attributes } = await done('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
    expect(Attributes).toMatchObject({ VisibilityTimeout: '60', DelaySeconds: '1', ApproximateNumberOfMessages: '0' })
    await done('TagQueue', { QueueUrl, Tags: { team: 'blue', stage: 'test' } })
    await done('UntagQueue', { QueueUrl, TagKeys: ['stage'] })
    expect(await done('ListQueueTags', { QueueUrl })).toEqual({ Tags: { team: 'blue' } })
    await done('AddPermission', { QueueUrl, Label: 'p', AWSAccountIds: ['111122223333'], Actions: ['SendMessage'] })
    await done('RemovePermission', { QueueUrl, Label: 'p' })
    expect(await done('ListQueues', { QueueNamePrefix: name })).toEqual({ QueueUrls: [QueueUrl] })
    await done('SendMessage', { QueueUrl, MessageBody: 'purged', DelaySeconds: 0 })
    await done('PurgeQueue', { QueueUrl })
    await clock.advance(1)
    expect(await receive(QueueUrl)).toEqual([])
    await done('DeleteQueue', { QueueUrl })
    expect(failureOf(await call('GetQueueUrl', { QueueName: name })).shape).toBe('QueueDoesNotExist')
  })

  test.each(['standard', 'fifo'])(
    'messages of a %s queue are sent, received, kept, given back and deleted',
    async (kind) => {
      const fifo = kind === 'fifo'
      const QueueUrl = await queue(`${named('work')}${fifo ? '.fifo' : ''}`, {
        VisibilityTimeout: '60',
        ...(fifo && { FifoQueue: 'true', ContentBasedDeduplication: 'true' }),
      })
      const group = (MessageGroupId: string) => (fifo ? { MessageGroupId } : {})
      await done('SendMessage', { QueueUrl, MessageBody: 'one', ...group('a') })
      // Larger than its header: its content has an item of its own.
      const large = 'x'.repeat(3_000)
      const Entries = ['two', large].map((MessageBody, n) => ({ Id: String(n), MessageBody, ...group('b') }))
      expect((await done('SendMessageBatch', { QueueUrl, Entries })).Successful).toHaveLength(2)
      await clock.advance(1)
      const received = []
      for (let turn = 0; turn < 3; turn++) received.push(...(await receive(QueueUrl)))
      expect(bodiesOf(received)).toEqual(['one', 'two', large])
      const [first, ...others] = received as [{ ReceiptHandle: string }, ...{ ReceiptHandle: string }[]]
      const changes = others.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle, VisibilityTimeout: 0 }))
      await done('ChangeMessageVisibility', { QueueUrl, ReceiptHandle: first.ReceiptHandle, VisibilityTimeout: 120 })
      expect((await done('ChangeMessageVisibilityBatch', { QueueUrl, Entries: changes })).Failed).toBeUndefined()
      await done('DeleteMessage', { QueueUrl, ReceiptHandle: first.ReceiptHandle })
      const again = []
      for (let turn = 0; turn < 3; turn++) again.push(...(await receive(QueueUrl)))
      expect(again).toHaveLength(2)
      const deletes = again.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle }))
      // Twice: what is gone is deleted.
      for (let turn = 0; turn < 2; turn++) {
        const { Successful, Failed } = await done('DeleteMessageBatch', { QueueUrl, Entries: deletes })
        expect([Successful.length, Failed]).toEqual([2, undefined])
      }
      await clock.advance(200_000)
      expect(await receive(QueueUrl)).toEqual([])
    },
  )

  test('messages of tenants are received in turns', async () => {
    const QueueUrl = await queue(named('tenants'))
    for (const MessageGroupId of ['a', 'a', 'b'])
      await done('SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId })
    await clock.advance(1)
    const received = []
    for (let turn = 0; turn < 3; turn++) received.push(...(await receive(QueueUrl)))
    const Entries = received.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle }))
    expect((await done('DeleteMessageBatch', { QueueUrl, Entries })).Successful).toHaveLength(3)
  })

  test('messages that failed are moved to the dead-letter queue and back', async () => {
    const failed = await queue(named('failed'))
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await arnOf(failed), maxReceiveCount: 1 })
    const QueueUrl = await queue(named('jobs'), { VisibilityTimeout: '1', RedrivePolicy })
    expect(await done('ListDeadLetterSourceQueues', { QueueUrl: failed })).toEqual({ queueUrls: [QueueUrl] })
    await done('SendMessage', { QueueUrl, MessageBody: 'poison' })
    await clock.advance(1)
    expect(bodiesOf(await receive(QueueUrl))).toEqual(['poison'])
    await clock.advance(2_000)
    expect(await receive(QueueUrl)).toEqual([])
    const SourceArn = await arnOf(failed)
    await clock.advance(1)
    const { TaskHandle } = await done('StartMessageMoveTask', { SourceArn })
    expect(await done('ListMessageMoveTasks', { SourceArn })).toMatchObject({
      Results: [{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 }],
    })
    // It is over by now.
    expect(failureOf(await call('CancelMessageMoveTask', { TaskHandle })).shape).toBe('ResourceNotFoundException')
    await clock.advance(1)
    expect(bodiesOf(await receive(QueueUrl))).toEqual(['poison'])
  })

  test('lists are read page by page', async () => {
    const prefix = named('page')
    const urls: string[] = []
    for (const n of [1, 2, 3]) urls.push(await queue(`${prefix}-${n}`))
    const first = await done('ListQueues', { QueueNamePrefix: prefix, MaxResults: 2 })
    expect(first).toEqual({ QueueUrls: urls.slice(0, 2), NextToken: expect.any(String) })
    const second = await done('ListQueues', { QueueNamePrefix: prefix, MaxResults: 2, NextToken: first.NextToken })
    expect(second).toEqual({ QueueUrls: urls.slice(2) })
  })

  test('names and tokens longer than a key are refused or match nothing', async () => {
    for (const length of [81, 1_019, 1_021, 1_024, 1_025, 3_000]) {
      const long = 'p'.repeat(length)
      expect(await done('ListQueues', { QueueNamePrefix: long })).toEqual({})
      expect(failureOf(await call('GetQueueUrl', { QueueName: long })).shape).toBe('QueueDoesNotExist')
      const NextToken = Buffer.from(long).toString('base64url')
      expect((await call('ListQueues', { MaxResults: 1, NextToken })).status).toBe(400)
    }
  })

  test('every action was used', () => {
    expect(ACTION_NAMES.filter((action) => !used.has(action))).toEqual([])
  })

  test('the library finds no queue of a name longer than a key', async () => {
    await expect(sqs.engine.queues.get('q'.repeat(3_000))).rejects.toMatchObject({ code: 'QueueNotFound' })
  })
})
