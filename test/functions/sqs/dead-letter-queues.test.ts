import { describe, expect, test } from 'vitest'
import { BASE, failureOf, scopedTo, sqsHarness } from './harness.ts'

const ARN = 'arn:aws:sqs:us-east-1:000000000000'

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

  test('list their sources, page by page', async () => {
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
