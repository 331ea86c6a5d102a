import { describe, expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { BASE, failureOf, receivedBodies, sqsHarness, textValue, withQueue } from './harness.ts'

describe('SendMessage', () => {
  test('answers the digests of what was sent', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const { body } = await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'This is a test message',
      MessageAttributes: { timestamp: textValue('1493147359900', 'Number') },
      MessageSystemAttributes: {
        AWSTraceHeader: textValue('Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'),
      },
    })
    expect(body).toEqual({
      MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      MD5OfMessageBody: 'fafb00f5732ab283681e124bf8747ed1',
      MD5OfMessageAttributes: '235c5c510d26fb653d073faed50ae77c',
      MD5OfMessageSystemAttributes: '5ae4d5d7636402d80f4eb6d213245a88',
    })
  })

  test.each([
    [{}, 'MissingRequiredParameterException', 'The request must contain the parameter MessageBody.'],
    [{ MessageBody: '' }, 'MissingRequiredParameterException', 'The request must contain the parameter MessageBody.'],
    [
      { MessageBody: 'a\u0000b' },
      'InvalidMessageContents',
      "Invalid binary character '#x0' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
    ],
    [{ MessageBody: '\ud800' }, 'InvalidMessageContents', expect.stringContaining("'#xD800'")],
    [{ MessageBody: '\uffff' }, 'InvalidMessageContents', expect.stringContaining("'#xFFFF'")],
    [
      { MessageBody: 'x'.repeat(2_049) },
      'InvalidParameterValueException',
      'One or more parameters are invalid. Reason: Message must be shorter than 2048 bytes.',
    ],
    [
      { MessageBody: 'ö'.repeat(1_000), MessageAttributes: { a: textValue('x'.repeat(50)) } },
      'InvalidParameterValueException',
      'One or more parameters are invalid. Reason: Message must be shorter than 2048 bytes.',
    ],
    [
      { MessageBody: 'x', DelaySeconds: 901 },
      'InvalidParameterValueException',
      'Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.',
    ],
    [
      { MessageBody: 'x', DelaySeconds: -1 },
      'InvalidParameterValueException',
      'Value -1 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.',
    ],
    [
      { MessageBody: 'x', MessageDeduplicationId: 'd' },
      'InvalidParameterValueException',
      'Value d for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type.',
    ],
    [
      { MessageBody: 'x', MessageGroupId: 'ä' },
      'InvalidParameterValueException',
      'Value ä for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.',
    ],
    [
      { MessageBody: 'x', MessageSystemAttributes: { Other: textValue('x') } },
      'InvalidParameterValueException',
      "Message system attribute name 'Other' is invalid. You can use only 'AWSTraceHeader'.",
    ],
    [
      { MessageBody: 'x', MessageSystemAttributes: { AWSTraceHeader: textValue('1', 'Number') } },
      'InvalidParameterValueException',
      "The type of message (system) attribute 'AWSTraceHeader' must be String.",
    ],
  ])('refuses %#', async (input, shape, message) => {
    const { sqs, QueueUrl } = await withQueue({ MaximumMessageSize: '2048' })
    expect(failureOf(await sqs.json('SendMessage', { QueueUrl, ...input }))).toMatchObject({
      status: 400,
      shape,
      message,
    })
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([])
  })

  test('takes every character that SQS takes', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const MessageBody = '\t\n\r ~\u0085\ud7ff\ue000\ufffd\u{10000}\u{10ffff}😀'
    await sqs.json('SendMessage', { QueueUrl, MessageBody })
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([MessageBody])
  })

  test('takes the largest message whole, and gives it back', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const MessageBody = 'x'.repeat(1_048_576)
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody })).status).toBe(200)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([MessageBody])
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody: `${MessageBody}x` })).status).toBe(400)
  })

  test('delays by the message, or else by the queue', async () => {
    const { sqs, QueueUrl } = await withQueue({ DelaySeconds: '5' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'queue' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'none', DelaySeconds: 0 })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'own', DelaySeconds: 900 })
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['none'])
    await sqs.engine.clock.advance(5_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['queue'])
    await sqs.engine.clock.advance(895_000)
    expect(await receivedBodies(sqs, QueueUrl)).toContain('own')
  })

  test('takes the trace header of an instrumented sender, not that of a gateway', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'
    const root = 'Root=1-5759e988-bd862e3fe1be46a994272793'
    for (const header of [trace, `${root};Sampled=0`, root, `Self=1-5759e98a-0000;${root}`]) {
      await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' }, { headers: { 'x-amzn-trace-id': header } })
    }
    const { body } = await sqs.json('ReceiveMessage', {
      QueueUrl,
      MaxNumberOfMessages: 10,
      AttributeNames: ['AWSTraceHeader'],
    })
    expect(body.Messages.map((message: { Attributes?: object }) => message.Attributes)).toEqual(
      expect.arrayContaining([
        { AWSTraceHeader: trace },
        { AWSTraceHeader: `${root};Sampled=0` },
        undefined,
        undefined,
      ]),
    )
  })
})

describe('ReceiveMessage', () => {
  test.each([
    [
      { MaxNumberOfMessages: 0 },
      'Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.',
    ],
    [
      { MaxNumberOfMessages: 11 },
      'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.',
    ],
    [
      { WaitTimeSeconds: 21 },
      'Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.',
    ],
    [
      { VisibilityTimeout: 43_201 },
      'Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.',
    ],
    [
      { ReceiveRequestAttemptId: 'a' },
      'Value a for parameter ReceiveRequestAttemptId is invalid. Reason: The request include parameter that is not valid for this queue type.',
    ],
  ])('refuses %j', async (input, message) => {
    const { sqs, QueueUrl } = await withQueue()
    expect(failureOf(await sqs.json('ReceiveMessage', { QueueUrl, ...input }))).toMatchObject({
      status: 400,
      shape: 'InvalidParameterValueException',
      message,
    })
  })

  test('gives the system attributes asked for, by either name of the parameter', async () => {
    const { sqs, QueueUrl } = await withQueue({ VisibilityTimeout: '1' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'tenant-7' })
    const receive = async (input: object) =>
      (await sqs.json('ReceiveMessage', { QueueUrl, ...input })).body.Messages[0].Attributes
    const all = {
      SenderId: '000000000000',
      SentTimestamp: '1772366400000',
      ApproximateReceiveCount: '1',
      ApproximateFirstReceiveTimestamp: '1772366400000',
      MessageGroupId: 'tenant-7',
    }
    expect(await receive({ AttributeNames: ['All'] })).toEqual(all)
    await sqs.engine.clock.advance(1_000)
    expect(await receive({ MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'] })).toEqual({
      ApproximateReceiveCount: '2',
      SentTimestamp: '1772366400000',
    })
    await sqs.engine.clock.advance(1_000)
    expect(await receive({})).toBeUndefined()
    expect(failureOf(await sqs.json('ReceiveMessage', { QueueUrl, AttributeNames: ['Nonsense'] }))).toMatchObject({
      shape: 'InvalidAttributeName',
      message: 'Unknown Attribute Nonsense.',
    })
  })

  test('gives bodies that the native API published as text', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await publish(sqs.engine, 'orders', [{ body: { a: [1] } }, { body: Uint8Array.of(0, 255) }])
    expect((await receivedBodies(sqs, QueueUrl)).sort()).toEqual(['AP8=', '{"a":[1]}'])
  })

  test('gives as many large messages as one answer can carry, and leaves the rest to be received', async () => {
    const { sqs, QueueUrl } = await withQueue()
    for (let sent = 0; sent < 8; sent++) await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x'.repeat(1_000_000) })
    expect(await receivedBodies(sqs, QueueUrl)).toHaveLength(5)
    expect(await receivedBodies(sqs, QueueUrl)).toHaveLength(3)
  })

  test('waits for a message as long as the request has, or else as the queue has', async () => {
    const { sqs, QueueUrl } = await withQueue({ ReceiveMessageWaitTimeSeconds: '20' })
    expect((await sqs.json('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 0 })).body).toEqual({})
    const waiting = sqs.json('ReceiveMessage', { QueueUrl })
    await sqs.engine.clock.advance(19_000)
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'at last' })
    await sqs.engine.clock.advance(1_000)
    expect((await waiting).body.Messages).toHaveLength(1)
    const inVain = sqs.json('ReceiveMessage', { QueueUrl })
    await sqs.engine.clock.advance(20_000)
    expect((await inVain).body).toEqual({})
  })

  test('wakes when a delay or a lease ends', async () => {
    const { sqs, QueueUrl } = await withQueue({ VisibilityTimeout: '3' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', DelaySeconds: 2 })
    const first = sqs.json('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
    await sqs.engine.clock.advance(3_500)
    expect((await first).body.Messages).toHaveLength(1)
    const second = sqs.json('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
    await sqs.engine.clock.advance(4_500)
    expect((await second).body.Messages).toHaveLength(1)
  })

  test('ends when the queue is deleted during its wait', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const waiting = sqs.json('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
    await sqs.engine.clock.advance(500)
    await sqs.json('DeleteQueue', { QueueUrl })
    await sqs.engine.clock.advance(1_000)
    expect(failureOf(await waiting).shape).toBe('QueueDoesNotExist')
  })

  test('takes nothing once its caller has gone', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const gone = new AbortController()
    const waiting = sqs.json('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 }, { signal: gone.signal })
    await sqs.engine.clock.advance(500)
    gone.abort()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    expect((await waiting).body).toEqual({})
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, AttributeNames: ['ApproximateReceiveCount'] })
    expect(body.Messages[0].Attributes).toEqual({ ApproximateReceiveCount: '1' })
  })
})

describe('FIFO parameters', () => {
  const fifo = (attributes: Readonly<Record<string, string>> = {}) =>
    withQueue({ FifoQueue: 'true', ...attributes }, 'orders.fifo')

  test('are required where they are', async () => {
    const { sqs, QueueUrl } = await fifo()
    expect(failureOf(await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' }))).toMatchObject({
      shape: 'MissingRequiredParameterException',
      message: 'The request must contain the parameter MessageGroupId.',
    })
    expect(failureOf(await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'g' }))).toMatchObject(
      {
        shape: 'InvalidParameterValueException',
        message:
          'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
      },
    )
    expect(
      failureOf(await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'g', DelaySeconds: 2 }))
        .message,
    ).toBe(
      'Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.',
    )
    expect(
      failureOf(
        await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: '' }),
      ).message,
    ).toContain('MessageDeduplicationId can only include alphanumeric and punctuation characters')
  })

  test('missing in one entry fail the whole batch', async () => {
    const { sqs, QueueUrl } = await fifo({ ContentBasedDeduplication: 'true' })
    const Entries = [
      { Id: 'a', MessageBody: 'x', MessageGroupId: 'g' },
      { Id: 'b', MessageBody: 'x' },
    ]
    expect(failureOf(await sqs.json('SendMessageBatch', { QueueUrl, Entries }))).toMatchObject({
      shape: 'InvalidParameterValueException',
      message: 'The request must contain the parameter MessageGroupId.',
    })
  })
})

test('a request without a queue fails with MissingParameter', async () => {
  const sqs = sqsHarness()
  for (const action of ['SendMessage', 'ReceiveMessage', 'GetQueueAttributes', 'SendMessageBatch']) {
    expect(failureOf(await sqs.json(action, { MessageBody: 'x' })).message).toBe(
      'The request must contain the parameter QueueUrl.',
    )
  }
  expect(
    failureOf(await sqs.json('SendMessage', { QueueUrl: `${BASE}/000000000000/missing`, MessageBody: 'x' })).shape,
  ).toBe('QueueDoesNotExist')
})
