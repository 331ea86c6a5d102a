import { describe, expect, test } from 'vitest'
import { failureOf, textValue, withQueue } from './harness.ts'

describe('message attributes', () => {
  test.each([
    ['', textValue('x'), 'is invalid'],
    ['.a', textValue('x'), 'is invalid'],
    ['a.', textValue('x'), 'is invalid'],
    ['a..b', textValue('x'), 'is invalid'],
    ['a b', textValue('x'), 'is invalid'],
    ['a§', textValue('x'), 'is invalid'],
    ['AWS.x', textValue('x'), "'AWS.' and 'Amazon.' are reserved"],
    ['amazon.x', textValue('x'), "'AWS.' and 'Amazon.' are reserved"],
    ['n'.repeat(257), textValue('x'), 'shorter than 256 bytes'],
    ['a', { StringValue: 'x' }, 'non-empty message attribute type'],
    ['a', textValue('x', 'Text'), 'supported type prefixes: Binary, Number, String.'],
    ['a', textValue('x', 'Stringy'), 'supported type prefixes'],
    ['a', textValue(''), "Message (user) attribute 'a' must contain a non-empty value of type 'String'."],
    ['a', { DataType: 'Binary', StringValue: 'x' }, "must contain a non-empty value of type 'Binary'."],
    ['a', textValue('twelve', 'Number'), "Can't cast the value of message (user) attribute 'a' to a number."],
    ['a', { DataType: 'String', StringListValues: ['x'] }, 'list values'],
    ['Holdfast.Nonsense', textValue('x'), "the prefix 'Holdfast.' is reserved"],
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
    const MessageAttributes = { 'größe.1': textValue('x'), 名前: textValue('y') }
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes })).status).toBe(200)
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MessageAttributeNames: ['All'] })
    expect(body.Messages[0].MessageAttributes).toEqual(MessageAttributes)
  })

  test('are refused when their value has characters that SQS does not carry, or is no base64', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const send = async (a: object) =>
      failureOf(await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: { a } })).shape
    expect(await send(textValue('\u0001'))).toBe('InvalidParameterValueException')
    expect(await send({ DataType: 'Binary', BinaryValue: '***' })).toBe('SerializationException')
  })

  test('come ten to a message and no more', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, textValue('x')]))
    const send = (count: number) =>
      sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: many(count) })
    expect((await send(10)).status).toBe(200)
    expect(failureOf(await send(11)).message).toBe(
      'Number of message attributes [11] exceeds the allowed maximum [10].',
    )
  })

  const attributes = {
    'foo.one': textValue('1'),
    'foo.two': textValue('2', 'Number.int'),
    bar: { DataType: 'Binary.png', BinaryValue: 'AAEC' },
  }
  test.each([
    [['All'], ['bar', 'foo.one', 'foo.two']],
    [['.*'], ['bar', 'foo.one', 'foo.two']],
    [['foo.*'], ['foo.one', 'foo.two']],
    [['bar', 'missing'], ['bar']],
    [['missing'], []],
    [[], []],
  ])('are returned to a receive that requests %j, with the digest of those returned', async (names, expected) => {
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
