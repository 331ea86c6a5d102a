import { describe, expect, test } from 'vitest'
import { publish } from '../../../lib/publish/publish.ts'
import { BASE, failureOf, type SqsHarness, sqsHarness } from './harness.ts'

const withQueue = async (attributes: Readonly<Record<string, string>> = {}, name = 'orders') => {
  const sqs = sqsHarness()
  return { sqs, QueueUrl: await sqs.queue(name, attributes) }
}
const text = (StringValue: string, DataType = 'String') => ({ DataType, StringValue })
const bodies = async (sqs: SqsHarness, QueueUrl: string) =>
  ((await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })).body.Messages ?? []).map(
    ({ Body }: { Body: string }) => Body,
  )

describe('SendMessage', () => {
  test('answers the digests of what was sent', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const { body } = await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'This is a test message',
      MessageAttributes: { timestamp: text('1493147359900', 'Number') },
      MessageSystemAttributes: {
        AWSTraceHeader: text('Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'),
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
      { MessageBody: 'ö'.repeat(1_000), MessageAttributes: { a: text('x'.repeat(50)) } },
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
      { MessageBody: 'x', MessageSystemAttributes: { Other: text('x') } },
      'InvalidParameterValueException',
      "Message system attribute name 'Other' is invalid. You can use only 'AWSTraceHeader'.",
    ],
    [
      { MessageBody: 'x', MessageSystemAttributes: { AWSTraceHeader: text('1', 'Number') } },
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
    expect(await bodies(sqs, QueueUrl)).toEqual([])
  })

  test('takes every character that SQS takes', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const MessageBody = '\t\n\r ~\u0085\ud7ff\ue000\ufffd\u{10000}\u{10ffff}😀'
    await sqs.json('SendMessage', { QueueUrl, MessageBody })
    expect(await bodies(sqs, QueueUrl)).toEqual([MessageBody])
  })

  test('takes the largest message whole, and gives it back', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const MessageBody = 'x'.repeat(1_048_576)
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody })).status).toBe(200)
    expect(await bodies(sqs, QueueUrl)).toEqual([MessageBody])
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody: `${MessageBody}x` })).status).toBe(400)
  })

  test('delays by the message, or else by the queue', async () => {
    const { sqs, QueueUrl } = await withQueue({ DelaySeconds: '5' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'queue' })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'none', DelaySeconds: 0 })
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'own', DelaySeconds: 900 })
    expect(await bodies(sqs, QueueUrl)).toEqual(['none'])
    await sqs.engine.clock.advance(5_000)
    expect(await bodies(sqs, QueueUrl)).toEqual(['queue'])
    await sqs.engine.clock.advance(895_000)
    expect(await bodies(sqs, QueueUrl)).toContain('own')
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

describe('message attributes', () => {
  test.each([
    ['', text('x'), 'is invalid'],
    ['.a', text('x'), 'is invalid'],
    ['a.', text('x'), 'is invalid'],
    ['a..b', text('x'), 'is invalid'],
    ['a b', text('x'), 'is invalid'],
    ['a§', text('x'), 'is invalid'],
    ['AWS.x', text('x'), "'AWS.' and 'Amazon.' are reserved"],
    ['amazon.x', text('x'), "'AWS.' and 'Amazon.' are reserved"],
    ['n'.repeat(257), text('x'), 'shorter than 256 bytes'],
    ['a', { StringValue: 'x' }, 'non-empty message attribute type'],
    ['a', text('x', 'Text'), 'supported type prefixes: Binary, Number, String.'],
    ['a', text('x', 'Stringy'), 'supported type prefixes'],
    ['a', text(''), "Message (user) attribute 'a' must contain a non-empty value of type 'String'."],
    ['a', { DataType: 'Binary', StringValue: 'x' }, "must contain a non-empty value of type 'Binary'."],
    ['a', text('twelve', 'Number'), "Can't cast the value of message (user) attribute 'a' to a number."],
    ['a', { DataType: 'String', StringListValues: ['x'] }, 'list values'],
    ['Holdfast.Nonsense', text('x'), "the prefix 'Holdfast.' is reserved"],
  ])('are refused: %s %j', async (name, value, message) => {
    const { sqs, QueueUrl } = await withQueue()
    const failure = failureOf(
      await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: { [name]: value } }),
    )
    expect(failure.shape).toBe('InvalidParameterValueException')
    expect(failure.message).toContain(message)
  })

  test('may have letters of any script in their names', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const MessageAttributes = { 'größe.1': text('x'), 名前: text('y') }
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes })).status).toBe(200)
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MessageAttributeNames: ['All'] })
    expect(body.Messages[0].MessageAttributes).toEqual(MessageAttributes)
  })

  test('are refused when their value has characters that SQS does not carry, or is no base64', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const send = async (a: object) =>
      failureOf(await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: { a } })).shape
    expect(await send(text('\u0001'))).toBe('InvalidParameterValueException')
    expect(await send({ DataType: 'Binary', BinaryValue: '***' })).toBe('SerializationException')
  })

  test('come ten to a message and no more', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, text('x')]))
    const send = (count: number) =>
      sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: many(count) })
    expect((await send(10)).status).toBe(200)
    expect(failureOf(await send(11)).message).toBe(
      'Number of message attributes [11] exceeds the allowed maximum [10].',
    )
  })

  const attributes = {
    'foo.one': text('1'),
    'foo.two': text('2', 'Number.int'),
    bar: { DataType: 'Binary.png', BinaryValue: 'AAEC' },
  }
  test.each([
    [['All'], ['bar', 'foo.one', 'foo.two']],
    [['.*'], ['bar', 'foo.one', 'foo.two']],
    [['foo.*'], ['foo.one', 'foo.two']],
    [['bar', 'missing'], ['bar']],
    [['missing'], []],
    [[], []],
  ])('are given to who asks for %j, with the digest of what is given', async (names, expected) => {
    const { sqs, QueueUrl } = await withQueue()
    const picked = Object.fromEntries(Object.entries(attributes).filter(([name]) => expected.includes(name)))
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: attributes })
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MessageAttributeNames: names })
    const [message] = body.Messages
    expect(message.MessageAttributes).toEqual(expected.length > 0 ? picked : undefined)
    const again = await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: picked })
    expect(message.MD5OfMessageAttributes).toBe(again.body.MD5OfMessageAttributes)
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
    expect((await bodies(sqs, QueueUrl)).sort()).toEqual(['AP8=', '{"a":[1]}'])
  })

  test('gives as many large messages as one answer can carry, and leaves the rest to be received', async () => {
    const { sqs, QueueUrl } = await withQueue()
    for (let sent = 0; sent < 8; sent++) await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x'.repeat(1_000_000) })
    expect(await bodies(sqs, QueueUrl)).toHaveLength(5)
    expect(await bodies(sqs, QueueUrl)).toHaveLength(3)
  })

  test('waits for a message as long as the request says, or otherwise as the queue says', async () => {
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

describe('receipt handles', () => {
  const receive = async (sqs: SqsHarness, QueueUrl: string): Promise<string> =>
    (await sqs.json('ReceiveMessage', { QueueUrl })).body.Messages[0].ReceiptHandle

  test('delete their message, any number of times, also after the visibility timeout', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    await sqs.engine.clock.advance(31_000)
    for (let time = 0; time < 3; time++) {
      expect((await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle })).body).toEqual({})
    }
    expect((await sqs.json('ReceiveMessage', { QueueUrl })).body).toEqual({})
  })

  test('of a message received by another since delete nothing, and say nothing of it', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    await sqs.engine.clock.advance(31_000)
    const newer = await receive(sqs, QueueUrl)
    expect(newer).not.toBe(ReceiptHandle)
    expect((await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle })).status).toBe(200)
    await sqs.engine.clock.advance(31_000)
    expect(await bodies(sqs, QueueUrl)).toEqual(['x'])
  })

  test('that are none, or of another queue, are refused', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const others = await sqs.queue('others')
    await sqs.json('SendMessage', { QueueUrl: others, MessageBody: 'x' })
    for (const ReceiptHandle of ['garbage', await receive(sqs, others)]) {
      for (const [action, extra] of [
        ['DeleteMessage', {}],
        ['ChangeMessageVisibility', { VisibilityTimeout: 1 }],
      ] as const) {
        expect(failureOf(await sqs.json(action, { QueueUrl, ReceiptHandle, ...extra }))).toEqual({
          status: 400,
          shape: 'ReceiptHandleIsInvalid',
          code: 'ReceiptHandleIsInvalid;Sender',
          message: `The input receipt handle "${ReceiptHandle}" is not a valid receipt handle.`,
        })
      }
    }
    expect(failureOf(await sqs.json('DeleteMessage', { QueueUrl })).message).toBe(
      'The request must contain the parameter ReceiptHandle.',
    )
  })

  test('move the end of the visibility timeout, up to twelve hours from the receive', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    const change = (VisibilityTimeout?: number) =>
      sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout })
    await sqs.engine.clock.advance(20_000)
    expect((await change(3_600)).body).toEqual({})
    await sqs.engine.clock.advance(3_599_000)
    expect(await bodies(sqs, QueueUrl)).toEqual([])
    expect(failureOf(await change(39_582)).message).toBe(
      'Value 39582 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
    )
    expect((await change(39_581)).status).toBe(200)
    expect(failureOf(await change(43_201)).message).toBe(
      'Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.',
    )
    expect(failureOf(await change()).message).toBe('The request must contain the parameter VisibilityTimeout.')
    expect((await change(0)).status).toBe(200)
    expect(await bodies(sqs, QueueUrl)).toEqual(['x'])
  })

  test('do not outlast the twelve hours by an edit of the handle', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    await sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 43_200 })
    await sqs.engine.clock.advance(43_199_000)
    const bytes = Buffer.from(ReceiptHandle, 'base64url')
    // When the message was received: the last six bytes.
    bytes.writeUIntBE(sqs.engine.clock.now(), bytes.length - 6, 6)
    const edited = { QueueUrl, ReceiptHandle: bytes.toString('base64url'), VisibilityTimeout: 43_200 }
    // It names no lease there is, as one that another receive has outdated: nothing changes.
    await sqs.json('ChangeMessageVisibility', edited)
    await sqs.engine.clock.advance(1_000)
    expect(await bodies(sqs, QueueUrl)).toEqual(['x'])
  })

  test('that have ended begin again until the message is received again, and then change nothing', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    const wish = { ReceiptHandle, VisibilityTimeout: 60 }
    const change = () => sqs.json('ChangeMessageVisibility', { QueueUrl, ...wish })
    await sqs.engine.clock.advance(31_000)
    expect(await change()).toMatchObject({ status: 200, body: {} })
    await sqs.engine.clock.advance(59_000)
    expect(await bodies(sqs, QueueUrl)).toEqual([])
    await sqs.engine.clock.advance(1_000)
    expect(await bodies(sqs, QueueUrl)).toEqual(['x'])
    expect(await change()).toMatchObject({ status: 200, body: {} })
    const { body } = await sqs.json('ChangeMessageVisibilityBatch', { QueueUrl, Entries: [{ Id: 'a', ...wish }] })
    expect(body).toEqual({ Successful: [{ Id: 'a' }] })
    await sqs.engine.clock.advance(30_000)
    expect(await bodies(sqs, QueueUrl)).toEqual(['x'])
  })

  test('of messages deleted are refused another timeout', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    const change = () => sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 60 })
    await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle })
    expect(failureOf(await change())).toEqual({
      status: 400,
      shape: 'InvalidParameterValueException',
      code: 'InvalidParameterValue;Sender',
      message: `Value ${ReceiptHandle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
    })
    const Entries = [{ Id: 'a', ReceiptHandle, VisibilityTimeout: 60 }]
    expect((await sqs.json('ChangeMessageVisibilityBatch', { QueueUrl, Entries })).body).toEqual({
      Failed: [
        {
          Id: 'a',
          SenderFault: true,
          Code: 'ReceiptHandleIsInvalid',
          Message: 'Message does not exist or is not available for visibility timeout change.',
        },
      ],
    })
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

describe('what SQS does not have', () => {
  const attribute = (name: string, value: string, type = 'Number') => ({ [`Holdfast.${name}`]: text(value, type) })

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
      order.push(...(await bodies(sqs, QueueUrl).then((all: string[]) => all)))
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
    expect(await bodies(sqs, QueueUrl)).toEqual([])
    await sqs.engine.clock.advance(1_000)
    expect(await bodies(sqs, QueueUrl)).toEqual(['delayed'])
    await sqs.engine.clock.advance(3_600_000)
    expect(await bodies(sqs, QueueUrl)).toContain('due')
  })

  test('a time to live ends a message before the retention does', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', {
      QueueUrl,
      MessageBody: 'x',
      MessageAttributes: attribute('TimeToLiveSeconds', '10'),
    })
    await sqs.engine.clock.advance(10_000)
    expect(await bodies(sqs, QueueUrl)).toEqual([])
  })

  test('is asked for in attributes that count for the digest and are not delivered', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const own = { kind: text('a') }
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
    expect(await bodies(sqs, QueueUrl)).toEqual(['x'])
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

test('a request without a queue says so', async () => {
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
