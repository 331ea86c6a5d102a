import { describe, expect, test } from 'vitest'
import { failureOf, sqsHarness } from './harness.ts'

const ARN = 'arn:aws:sqs:us-east-1:000000000000'

describe('queue attributes', () => {
  test('start with the values of SQS', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
    expect(body.Attributes).toEqual({
      QueueArn: `${ARN}:orders`,
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
      ApproximateNumberOfMessagesDelayed: '0',
      CreatedTimestamp: '1772366400',
      LastModifiedTimestamp: '1772366400',
      DelaySeconds: '0',
      MaximumMessageSize: '1048576',
      MessageRetentionPeriod: '345600',
      ReceiveMessageWaitTimeSeconds: '0',
      VisibilityTimeout: '30',
      SqsManagedSseEnabled: 'true',
    })
  })

  test('are read back as they were set, and removed by the empty string', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.queue('dead')
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Principal: '*', Action: 'sqs:*' },
    })
    const Attributes = {
      DelaySeconds: '900',
      MaximumMessageSize: '1024',
      MessageRetentionPeriod: '1209600',
      ReceiveMessageWaitTimeSeconds: '20',
      VisibilityTimeout: '43200',
      Policy,
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 3 }),
      RedriveAllowPolicy: '{"redrivePermission":"denyAll"}',
      KmsMasterKeyId: 'alias/aws/sqs',
      KmsDataKeyReusePeriodSeconds: '86400',
      SqsManagedSseEnabled: 'false',
    }
    await sqs.engine.clock.advance(5_000)
    expect((await sqs.json('SetQueueAttributes', { QueueUrl, Attributes })).status).toBe(200)
    const names = Object.keys(Attributes)
    expect(
      (await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: [...names, 'LastModifiedTimestamp'] })).body
        .Attributes,
    ).toEqual({
      ...Attributes,
      LastModifiedTimestamp: '1772366405',
    })
    const removed = {
      Policy: '',
      RedrivePolicy: '',
      RedriveAllowPolicy: '',
      KmsMasterKeyId: '',
      KmsDataKeyReusePeriodSeconds: '300',
    }
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: removed })
    const left = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: Object.keys(removed) })
    expect(left.body).toEqual({})
  })

  test('encrypt a queue in one way at a time', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const both = { KmsMasterKeyId: 'alias/aws/sqs', SqsManagedSseEnabled: 'true' }
    for (const refused of [
      await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: both }),
      await sqs.json('CreateQueue', { QueueName: 'other', Attributes: both }),
    ]) {
      expect(failureOf(refused)).toMatchObject({
        shape: 'InvalidAttributeName',
        message:
          'You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.',
      })
    }
    const AttributeNames = Object.keys(both)
    const shown = async () => (await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames })).body.Attributes
    const KmsMasterKeyId = 'alias/aws/sqs'
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { KmsMasterKeyId } })
    expect(await shown()).toEqual({ KmsMasterKeyId, SqsManagedSseEnabled: 'false' })
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { KmsMasterKeyId: '' } })
    expect(await shown()).toEqual({ SqsManagedSseEnabled: 'false' })
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { SqsManagedSseEnabled: 'true', KmsMasterKeyId: '' } })
    expect(await shown()).toEqual({ SqsManagedSseEnabled: 'true' })
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { KmsMasterKeyId: '' } })
    expect(await shown()).toEqual({ SqsManagedSseEnabled: 'true' })
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { KmsMasterKeyId } })
    await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { SqsManagedSseEnabled: 'true' } })
    expect(await shown()).toEqual({ SqsManagedSseEnabled: 'true' })
  })

  test.each([
    ['DelaySeconds', '901'],
    ['DelaySeconds', '-1'],
    ['DelaySeconds', ''],
    ['DelaySeconds', '1.5'],
    ['MaximumMessageSize', '1023'],
    ['MaximumMessageSize', '1048577'],
    ['MessageRetentionPeriod', '59'],
    ['MessageRetentionPeriod', '1209601'],
    ['ReceiveMessageWaitTimeSeconds', '21'],
    ['VisibilityTimeout', '43201'],
    ['VisibilityTimeout', 'soon'],
    ['KmsDataKeyReusePeriodSeconds', '59'],
    ['SqsManagedSseEnabled', 'yes'],
    ['Policy', '{'],
    ['Policy', '{"Statement":[{"Effect":"Maybe","Principal":"*","Action":"*"}]}'],
    ['HoldfastPriorities', '11'],
    ['HoldfastRetryPolicy', '{"factor":2}'],
    ['HoldfastDeduplicationMode', 'never'],
  ])('refuse %s = %j', async (name, value) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { [name]: value } }))).toEqual({
      status: 400,
      shape: 'InvalidAttributeValue',
      code: 'InvalidAttributeValue;Sender',
      message: `Invalid value for the parameter ${name}.`,
    })
  })

  test.each([
    'Nonsense',
    'QueueArn',
    'ApproximateNumberOfMessages',
    'CreatedTimestamp',
    'constructor',
    'FifoQueue',
    'ContentBasedDeduplication',
  ])('cannot be set by the name %s', async (name) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { [name]: 'true' } }))).toMatchObject(
      {
        shape: 'InvalidAttributeName',
        message: `Unknown Attribute ${name}.`,
      },
    )
  })

  test('that do not exist, or not on this kind of queue, cannot be asked for', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    for (const name of ['Nonsense', 'FifoQueue', 'toString']) {
      expect(failureOf(await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: [name] })).message).toBe(
        `Unknown Attribute ${name}.`,
      )
    }
  })

  test('of FIFO queues depend on one another', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    const set = async (Attributes: Record<string, string>) => sqs.json('SetQueueAttributes', { QueueUrl, Attributes })
    expect(failureOf(await set({ FifoQueue: 'false' })).message).toBe(
      'Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.',
    )
    expect(failureOf(await set({ FifoThroughputLimit: 'perMessageGroupId' })).shape).toBe('InvalidAttributeValue')
    expect((await set({ FifoThroughputLimit: 'perMessageGroupId', DeduplicationScope: 'messageGroup' })).status).toBe(
      200,
    )
    const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
    expect(body.Attributes).toMatchObject({
      FifoQueue: 'true',
      ContentBasedDeduplication: 'true',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    })
    const standard = await sqs.queue('orders')
    expect(
      failureOf(
        await sqs.json('SetQueueAttributes', { QueueUrl: standard, Attributes: { DeduplicationScope: 'queue' } }),
      ),
    ).toMatchObject({
      shape: 'InvalidAttributeName',
      message: 'You can specify the DeduplicationScope only when FifoQueue is set to true.',
    })
    // What is not mentioned is not compared.
    expect(await sqs.queue('orders.fifo', { FifoQueue: 'true' })).toBe(QueueUrl)
  })

  test('of Holdfast are shown if they are set, and otherwise only by name', async () => {
    const sqs = sqsHarness()
    const retry = '{"initialSeconds":1,"factor":3,"maximumSeconds":60,"jitter":"none"}'
    const QueueUrl = await sqs.queue('orders', {
      HoldfastPriorities: '5',
      HoldfastRetryPolicy: retry,
      HoldfastVisibilityTimeoutSeconds: '86400',
    })
    const all = (await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })).body.Attributes
    expect(Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('Holdfast')))).toEqual({
      HoldfastPriorities: '5',
      HoldfastRetryPolicy: retry,
    })
    expect(all.VisibilityTimeout).toBe('86400')
    const named = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['HoldfastShards'] })
    expect(named.body.Attributes).toEqual({ HoldfastShards: '1' })
  })

  test('count messages as time moves them, though nobody polls', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders', { MessageRetentionPeriod: '60' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'now' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'later', DelaySeconds: 10 })
    await sqs.json('ReceiveMessage', { QueueUrl, VisibilityTimeout: 5 })
    const counts = async () => {
      const names = ['', 'NotVisible', 'Delayed'].map((kind) => `ApproximateNumberOfMessages${kind}`)
      const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: names })
      return names.map((name) => Number(body.Attributes[name]))
    }
    expect(await counts()).toEqual([0, 1, 1])
    await sqs.engine.clock.advance(5_000)
    expect(await counts()).toEqual([1, 0, 1])
    await sqs.engine.clock.advance(5_000)
    expect(await counts()).toEqual([2, 0, 0])
    await sqs.engine.clock.advance(60_000)
    expect(await counts()).toEqual([0, 0, 0])
  })
})

describe('attributes that depend on one another', () => {
  test('are set by several callers at once without one being lost', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders.fifo', { FifoQueue: 'true' })
    const set = (Attributes: Record<string, string>) => sqs.json('SetQueueAttributes', { QueueUrl, Attributes })
    const wanted = { ContentBasedDeduplication: 'true', DeduplicationScope: 'messageGroup', VisibilityTimeout: '7' }
    await Promise.all(Object.entries(wanted).map(([name, value]) => set({ [name]: value })))
    const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: Object.keys(wanted) })
    expect(body.Attributes).toEqual(wanted)
  })
})
