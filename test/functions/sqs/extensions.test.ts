import { describe, expect, test } from 'vitest'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { failureOf, receivedBodies, textValue, withQueue } from './harness.ts'

describe('what SQS does not have', () => {
  const attribute = (name: string, value: string, type = 'Number') => ({ [`Holdfast.${name}`]: textValue(value, type) })

  test('priorities go first', async () => {
    const { sqs, QueueUrl } = await withQueue({ HoldfastPriorities: '3' })
    for (const [MessageBody, priority] of [
      ['low', '0'],
      ['high', '2'],
      ['middle', '1'],
    ] as const) {
      await sqs.json('SendMessage', { QueueUrl, MessageBody, MessageAttributes: attribute('Priority', priority) })
    }
    const order = []
    for (let receive = 0; receive < 3; receive++)
      order.push(...(await receivedBodies(sqs, QueueUrl).then((all: string[]) => all)))
    expect(order).toEqual(['high', 'middle', 'low'])
    const refused = { QueueUrl, MessageBody: 'x', MessageAttributes: attribute('Priority', '3') }
    expect(failureOf(await sqs.json('SendMessage', refused)).message).toBe(
      'Value 3 for parameter Holdfast.Priority is invalid. Reason: Must be a whole number from 0 to 2 for this queue.',
    )
  })

  test('delays and due times reach further than fifteen minutes', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const due = new Date(sqs.engine.clock.now() + 7_200_000).toISOString()
    await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'due',
      MessageAttributes: attribute('DueAt', due, 'String'),
    })
    await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'delayed',
      MessageAttributes: attribute('DelaySeconds', '3600'),
    })
    await sqs.engine.clock.advance(3_599_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([])
    await sqs.engine.clock.advance(1_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['delayed'])
    await sqs.engine.clock.advance(3_600_000)
    expect(await receivedBodies(sqs, QueueUrl)).toContain('due')
  })

  test('a paused queue takes messages and gives none; no attribute shows that', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await updateQueue(sqs.engine, 'orders', { settings: { paused: true } })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([])
    const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
    expect(JSON.stringify(body)).not.toMatch(/pause/i)
    expect((body as { Attributes: Record<string, string> }).Attributes.ApproximateNumberOfMessages).toBe('1')
    await updateQueue(sqs.engine, 'orders', { settings: { paused: false } })
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
  })

  test('a time to live ends a message before the retention does', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'x',
      MessageAttributes: attribute('TimeToLiveSeconds', '10'),
    })
    await sqs.engine.clock.advance(10_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([])
  })

  test('is asked for in attributes that count for the digest and are not delivered', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const own = { kind: textValue('a') }
    const plain = await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: own })
    const { body } = await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'x',
      MessageAttributes: { ...own, ...attribute('DelaySeconds', '0') },
    })
    expect(body.MD5OfMessageAttributes).not.toBe(plain.body.MD5OfMessageAttributes)
    const received = await sqs.json('ReceiveMessage', {
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['All'],
    })
    for (const message of received.body.Messages) {
      expect(message.MessageAttributes).toEqual(own)
      expect(message.MD5OfMessageAttributes).toBe(plain.body.MD5OfMessageAttributes)
    }
  })

  test.each([
    [attribute('Priority', 'x', 'String'), 'must be a number'],
    [attribute('DueAt', 'tomorrow', 'String'), 'must be a time like'],
    [attribute('DelaySeconds', '-1'), 'delaySeconds must be a number from 0'],
    [attribute('TimeToLiveSeconds', '0'), 'timeToLiveSeconds must be a whole number from 1'],
    [{ ...attribute('DelaySeconds', '1'), ...attribute('DueAt', '2000000000000') }, 'not both'],
  ])('is refused when it makes no sense: %j', async (MessageAttributes, message) => {
    const { sqs, QueueUrl } = await withQueue()
    const failure = failureOf(await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes }))
    expect(failure.shape).toBe('InvalidParameterValueException')
    expect(failure.message).toContain(message)
  })

  test('a visibility timeout of zero rests by the retry policy, where there is one', async () => {
    const { sqs, QueueUrl } = await withQueue({
      HoldfastRetryPolicy: '{"initialSeconds":10,"factor":2,"maximumSeconds":60,"jitter":"none"}',
    })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    for (const restMs of [10_000, 20_000]) {
      const { body } = await sqs.json('ReceiveMessage', { QueueUrl })
      const [{ ReceiptHandle }] = body.Messages
      await sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })
      await sqs.engine.clock.advance(restMs - 1)
      expect((await sqs.json('ReceiveMessage', { QueueUrl })).body).toEqual({})
      await sqs.engine.clock.advance(1)
    }
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
  })

  test('leases are longer on a queue made for it', async () => {
    const { sqs, QueueUrl } = await withQueue({ HoldfastVisibilityTimeoutSeconds: '172800' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl })
    const [{ ReceiptHandle }] = body.Messages
    await sqs.engine.clock.advance(86_400_000)
    expect(
      (await sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 86_400 })).status,
    ).toBe(200)
    expect(
      (await sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 86_401 })).status,
    ).toBe(400)
  })
})
