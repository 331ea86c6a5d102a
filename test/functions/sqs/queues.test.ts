import { describe, expect, test } from 'vitest'
import { BASE, failureOf, scopedTo, sqsHarness } from './harness.ts'

const ARN = 'arn:aws:sqs:us-east-1:000000000000'

describe('CreateQueue', () => {
  test('again with the same attributes, or with none, gives the same queue', async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders', { VisibilityTimeout: '45' })
    expect(await sqs.queue('orders', { VisibilityTimeout: '45' })).toBe(url)
    expect(await sqs.queue('orders')).toBe(url)
    expect((await sqs.json('CreateQueue', { QueueName: 'orders', tags: { team: 'a' } })).body).toEqual({
      QueueUrl: url,
    })
  })

  test.each([
    ['VisibilityTimeout', '31', '30'],
    ['HoldfastPriorities', '3', '1'],
  ])('with another %s names the attribute', async (name, value) => {
    const sqs = sqsHarness()
    await sqs.queue('orders')
    expect(failureOf(await sqs.json('CreateQueue', { QueueName: 'orders', Attributes: { [name]: value } }))).toEqual({
      status: 400,
      shape: 'QueueNameExists',
      code: 'QueueAlreadyExists;Sender',
      message: `A queue already exists with the same name and a different value for attribute ${name}`,
    })
  })

  test.each(['', 'a b', 'a/b', 'ö', 'x'.repeat(81), '../x', '111122223333/eu-west-1/x'])(
    'refuses the name %j',
    async (QueueName) => {
      const sqs = sqsHarness()
      const { shape, message } = failureOf(await sqs.json('CreateQueue', { QueueName }))
      expect([shape, message]).toEqual(
        QueueName === ''
          ? ['MissingRequiredParameterException', 'The request must contain the parameter QueueName.']
          : [
              'InvalidParameterValueException',
              'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
            ],
      )
    },
  )

  test('holds to the kind of queue that the name says', async () => {
    const sqs = sqsHarness()
    const create = async (QueueName: string, FifoQueue?: string) =>
      sqs.json('CreateQueue', { QueueName, ...(FifoQueue && { Attributes: { FifoQueue } }) })
    expect((await create('orders.fifo', 'true')).status).toBe(200)
    expect(failureOf(await create('others.fifo')).message).toBe(
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    )
    expect(failureOf(await create('others', 'true')).message).toBe(
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
    )
    expect(failureOf(await create('others', 'false'))).toMatchObject({
      shape: 'InvalidAttributeName',
      message: 'Unknown Attribute FifoQueue.',
    })
  })

  test('waits a minute after a deletion, unless the endpoint has no cooldowns', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.json('DeleteQueue', { QueueUrl })
    expect(failureOf(await sqs.json('CreateQueue', { QueueName: 'orders' }))).toEqual({
      status: 400,
      shape: 'QueueDeletedRecently',
      code: 'AWS.SimpleQueueService.QueueDeletedRecently;Sender',
      message: 'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
    })
    await sqs.engine.clock.advance(60_000)
    expect(await sqs.queue('orders')).toBe(QueueUrl)

    const relaxed = sqsHarness({ cooldowns: { recreation: false, purge: true } })
    const url = await relaxed.queue('orders')
    await relaxed.json('DeleteQueue', { QueueUrl: url })
    expect(await relaxed.queue('orders')).toBe(url)
  })
})

describe('ListQueues', () => {
  test('pages when asked to, by prefix', async () => {
    const sqs = sqsHarness()
    for (const name of ['a1', 'a2', 'a3', 'b1']) await sqs.queue(name)
    const first = await sqs.json('ListQueues', { QueueNamePrefix: 'a', MaxResults: 2 })
    expect(first.body.QueueUrls).toEqual([`${BASE}/000000000000/a1`, `${BASE}/000000000000/a2`])
    const rest = await sqs.json('ListQueues', { QueueNamePrefix: 'a', MaxResults: 2, NextToken: first.body.NextToken })
    expect(rest.body).toEqual({ QueueUrls: [`${BASE}/000000000000/a3`] })
  })

  test('refuses sizes and tokens that it did not give', async () => {
    const sqs = sqsHarness()
    expect(failureOf(await sqs.json('ListQueues', { MaxResults: 0 })).message).toBe(
      'Value 0 for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.',
    )
    expect(failureOf(await sqs.json('ListQueues', { MaxResults: 5, NextToken: '???' })).message).toBe(
      'Invalid or expired next token.',
    )
  })
})

describe('DeleteQueue, PurgeQueue', () => {
  test('say when there is no such queue', async () => {
    const sqs = sqsHarness()
    const QueueUrl = `${BASE}/000000000000/missing`
    for (const action of [
      'DeleteQueue',
      'PurgeQueue',
      'GetQueueAttributes',
      'ListQueueTags',
      'ReceiveMessage',
      'ListDeadLetterSourceQueues',
    ]) {
      expect(failureOf(await sqs.json(action, { QueueUrl })).shape).toBe('QueueDoesNotExist')
    }
  })

  test('a purge empties the queue, once a minute', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    await sqs.engine.clock.advance(1)
    expect((await sqs.json('PurgeQueue', { QueueUrl })).body).toEqual({})
    expect((await sqs.json('ReceiveMessage', { QueueUrl })).body).toEqual({})
    expect(failureOf(await sqs.json('PurgeQueue', { QueueUrl }))).toEqual({
      status: 403,
      shape: 'PurgeQueueInProgress',
      code: 'AWS.SimpleQueueService.PurgeQueueInProgress;Sender',
      message: 'Only one PurgeQueue operation on orders is allowed every 60 seconds.',
    })
    await sqs.engine.clock.advance(60_000)
    expect((await sqs.json('PurgeQueue', { QueueUrl })).status).toBe(200)
  })
})

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

describe('dead-letter queues', () => {
  const policy = (value: unknown) => ({ RedrivePolicy: typeof value === 'string' ? value : JSON.stringify(value) })

  test.each([
    ['{', 'Redrive policy is not a valid JSON map.'],
    ['[]', 'Redrive policy is not a valid JSON map.'],
    [{ deadLetterTargetArn: `${ARN}:dead` }, 'Redrive policy does not contain mandatory attribute: maxReceiveCount.'],
    [{ maxReceiveCount: 1 }, 'Redrive policy does not contain mandatory attribute: deadLetterTargetArn.'],
    [
      { deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 0 },
      'Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.',
    ],
    [
      { deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: '1001' },
      'Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.',
    ],
    [
      { deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 1, extra: 1 },
      'Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].',
    ],
    [{ deadLetterTargetArn: 'dead', maxReceiveCount: 1 }, 'Invalid value for deadLetterTargetArn.'],
    [{ deadLetterTargetArn: `${ARN}:missing`, maxReceiveCount: 1 }, 'Dead letter target does not exist.'],
    ['{"deadLetterTargetArn":"a","maxReceiveCount":1,"maxReceiveCount":2}', 'Redrive policy is not a valid JSON map.'],
    [
      { deadLetterTargetArn: `${ARN}:dead.fifo`, maxReceiveCount: 1 },
      'Dead-letter queue must be same type of queue as the source.',
    ],
    [
      { deadLetterTargetArn: 'arn:aws:sqs:eu-west-1:000000000000:dead', maxReceiveCount: 1 },
      'Dead letter target must be in the same account and region as the source.',
    ],
  ])('are refused: %j', async (value, reason) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.queue('dead')
    const failure = failureOf(await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: policy(value) }))
    expect(failure.shape).toBe('InvalidParameterValueException')
    expect(failure.message).toMatch(/^Value .* for parameter RedrivePolicy is invalid\. Reason: /s)
    expect(failure.message.endsWith(reason)).toBe(true)
  })

  test('take only sources that their redrive-allow policy names', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const allow = async (value: object) =>
      sqs.json('SetQueueAttributes', {
        QueueUrl: `${BASE}/000000000000/dead`,
        Attributes: { RedriveAllowPolicy: JSON.stringify(value) },
      })
    const use = async () =>
      sqs.json('SetQueueAttributes', {
        QueueUrl,
        Attributes: policy({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 1 }),
      })
    await sqs.queue('dead', { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' })
    expect(failureOf(await use()).message).toContain('RedriveAllowPolicy does not allow')
    await allow({ redrivePermission: 'byQueue', sourceQueueArns: [`${ARN}:others`] })
    expect((await use()).status).toBe(400)
    await allow({ redrivePermission: 'byQueue', sourceQueueArns: [`${ARN}:others`, `${ARN}:orders`] })
    expect((await use()).status).toBe(200)
  })

  test.each([
    ['{', 'is not a valid JSON map'],
    [{ redrivePermission: 'some' }, 'must be one of'],
    [{ redrivePermission: 'byQueue' }, 'exactly when redrivePermission is byQueue'],
    [{ redrivePermission: 'denyAll', sourceQueueArns: [] }, 'exactly when redrivePermission is byQueue'],
    [{ redrivePermission: 'byQueue', sourceQueueArns: [] }, '1 to 10 queue ARNs'],
    [{ redrivePermission: 'byQueue', sourceQueueArns: ['x'] }, '1 to 10 queue ARNs'],
    [{ redrivePermission: 'allowAll', other: 1 }, 'Only following attributes'],
  ])('have no redrive-allow policy %j', async (value, reason) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('dead')
    const RedriveAllowPolicy = typeof value === 'string' ? value : JSON.stringify(value)
    const failure = failureOf(await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { RedriveAllowPolicy } }))
    expect(failure.shape).toBe('InvalidParameterValueException')
    expect(failure.message).toContain(reason)
  })

  test('get what was received too often, with where it came from', async () => {
    const sqs = sqsHarness()
    const dead = await sqs.queue('dead')
    const QueueUrl = await sqs.queue('orders', policy({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: '2' }))
    const { body: sent } = await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    for (let receive = 0; receive < 2; receive++) {
      expect((await sqs.json('ReceiveMessage', { QueueUrl, VisibilityTimeout: 1 })).body.Messages).toHaveLength(1)
      await sqs.engine.clock.advance(1_000)
    }
    expect((await sqs.json('ReceiveMessage', { QueueUrl })).body).toEqual({})
    const { body } = await sqs.json('ReceiveMessage', {
      QueueUrl: dead,
      MessageSystemAttributeNames: ['All', 'HoldfastDeadLetterReason'],
    })
    expect(body.Messages[0]).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'x',
      Attributes: {
        DeadLetterQueueSourceArn: `${ARN}:orders`,
        SentTimestamp: '1772366400000',
        ApproximateReceiveCount: '3',
      },
    })
    expect(body.Messages[0].Attributes.HoldfastDeadLetterReason).toEqual(expect.any(String))
  })

  test('may be the queue itself', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const own = policy({ deadLetterTargetArn: `${ARN}:orders`, maxReceiveCount: 1 })
    expect((await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: own })).status).toBe(200)
    expect((await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['RedrivePolicy'] })).body).toEqual({
      Attributes: own,
    })
    expect((await sqs.json('ListDeadLetterSourceQueues', { QueueUrl })).body).toEqual({ queueUrls: [QueueUrl] })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const receive = async () =>
      (await sqs.json('ReceiveMessage', { QueueUrl, VisibilityTimeout: 0, AttributeNames: ['All'] })).body.Messages
    expect(await receive()).toHaveLength(1)
    await sqs.engine.clock.advance(1)
    const again = [...((await receive()) ?? []), ...((await receive()) ?? [])]
    expect(again[0].Attributes).toMatchObject({
      ApproximateReceiveCount: '2',
      DeadLetterQueueSourceArn: `${ARN}:orders`,
    })
  })

  test('name the source in the account and region that both queues are in', async () => {
    const sqs = sqsHarness()
    const headers = scopedTo('111122223333', 'eu-west-1')
    const call = (action: string, input: object) => sqs.json(action, input, { headers })
    const arn = (name: string) => `arn:aws:sqs:eu-west-1:111122223333:${name}`
    const dead = (await call('CreateQueue', { QueueName: 'dead' })).body.QueueUrl
    const Attributes = policy({ deadLetterTargetArn: arn('dead'), maxReceiveCount: 1 })
    const { QueueUrl } = (await call('CreateQueue', { QueueName: 'orders', Attributes })).body
    await call('SendMessage', { QueueUrl, MessageBody: 'x' })
    await call('ReceiveMessage', { QueueUrl, VisibilityTimeout: 0 })
    await call('ReceiveMessage', { QueueUrl })
    const { body } = await call('ReceiveMessage', { QueueUrl: dead, AttributeNames: ['DeadLetterQueueSourceArn'] })
    expect(body.Messages[0].Attributes).toEqual({ DeadLetterQueueSourceArn: arn('orders') })
  })

  test('tell their sources, page by page', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('dead')
    const attributes = policy({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 1 })
    for (const name of ['a', 'b', 'c', 'x1', 'x2']) await sqs.queue(name, name.startsWith('x') ? {} : attributes)
    const all = await sqs.json('ListDeadLetterSourceQueues', { QueueUrl })
    expect(all.body).toEqual({ queueUrls: ['a', 'b', 'c'].map((name) => `${BASE}/000000000000/${name}`) })
    const seen: string[] = []
    let NextToken: string | undefined
    do {
      const { body } = await sqs.json('ListDeadLetterSourceQueues', {
        QueueUrl,
        MaxResults: 1,
        ...(NextToken && { NextToken }),
      })
      seen.push(...body.queueUrls)
      NextToken = body.NextToken
    } while (NextToken)
    expect(seen).toEqual(all.body.queueUrls)
  })
})

describe('tags', () => {
  test('are put, listed, replaced and removed', async () => {
    const sqs = sqsHarness()
    const { body } = await sqs.json('CreateQueue', { QueueName: 'orders', tags: { team: 'shop', tier: '1' } })
    const { QueueUrl } = body
    await sqs.json('TagQueue', { QueueUrl, Tags: { tier: '2', empty: '' } })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({
      Tags: { team: 'shop', tier: '2', empty: '' },
    })
    await sqs.json('UntagQueue', { QueueUrl, TagKeys: ['team', 'empty', 'never'] })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({ Tags: { tier: '2' } })
    const { xml } = await sqs.query({ Action: 'ListQueueTags', QueueUrl })
    expect(xml).toContain('<Tag><Key>tier</Key><Value>2</Value></Tag>')
  })

  test('in the query protocol too', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.query({
      Action: 'TagQueue',
      QueueUrl,
      'Tag.1.Key': 'a',
      'Tag.1.Value': '1',
      'Tag.2.Key': 'b',
      'Tag.2.Value': '2',
    })
    await sqs.query({ Action: 'UntagQueue', QueueUrl, 'TagKey.1': 'a' })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({ Tags: { b: '2' } })
  })

  test.each([
    [{ '': 'x' }, 'Tag keys'],
    [{ ['k'.repeat(129)]: 'x' }, 'Tag keys'],
    [{ 'aws:mine': 'x' }, 'Tag keys'],
    [{ k: 'v'.repeat(257) }, 'Tag values'],
    [
      Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v'])),
      'Too many tags added for queue orders.',
    ],
    [{}, 'The request must contain the parameter Tags.'],
  ])('are refused: %#', async (Tags, message) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('TagQueue', { QueueUrl, Tags })).message).toContain(message)
  })

  test('are not taken off without a key', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect(failureOf(await sqs.json('UntagQueue', { QueueUrl, TagKeys: [] })).message).toBe(
      'Tag keys must be between 1 and 128 characters in length.',
    )
  })
})
