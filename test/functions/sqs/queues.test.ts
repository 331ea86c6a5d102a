import { describe, expect, test } from 'vitest'
import { BASE, failureOf, sqsHarness } from './harness.ts'

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
      expect([shape, message]).toEqual([
        'InvalidParameterValueException',
        'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
      ])
    },
  )

  test('requires a name', async () => {
    const { shape, message } = failureOf(await sqsHarness().json('CreateQueue', { QueueName: null }))
    expect([shape, message]).toEqual([
      'MissingRequiredParameterException',
      'The request must contain the parameter QueueName.',
    ])
  })

  test('requires the kind of queue that the name has', async () => {
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
  test('fail with QueueDoesNotExist for an unknown queue', async () => {
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
