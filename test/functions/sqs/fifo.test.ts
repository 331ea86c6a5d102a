import { expect, test } from 'vitest'
import { failureOf, type SqsHarness, sqsHarness } from './harness.ts'

const withQueue = async (attributes: Readonly<Record<string, string>> = {}) => {
  const sqs = sqsHarness()
  return { sqs, QueueUrl: await sqs.queue('orders.fifo', { FifoQueue: 'true', ...attributes }) }
}
const sender =
  (sqs: SqsHarness, QueueUrl: string) =>
  (MessageBody: string, MessageGroupId: string, MessageDeduplicationId?: string) =>
    sqs.json('SendMessage', { QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId })
const receive = async (sqs: SqsHarness, QueueUrl: string, input: object = {}) =>
  (await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, ...input })).body.Messages ?? []
const bodies = (messages: { Body: string }[]) => messages.map(({ Body }) => Body)

test('a group is received in order, and by nobody else until it is deleted', async () => {
  const { sqs, QueueUrl } = await withQueue({ ContentBasedDeduplication: 'true' })
  const send = sender(sqs, QueueUrl)
  for (const body of ['1', '2', '3']) await send(body, 'g')
  const [first] = await receive(sqs, QueueUrl, { MaxNumberOfMessages: 1 })
  expect(first.Body).toBe('1')
  expect(await receive(sqs, QueueUrl)).toEqual([])
  await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle: first.ReceiptHandle })
  expect(bodies(await receive(sqs, QueueUrl))).toEqual(['2', '3'])
})

test('messages have their group, their deduplication id and a growing sequence number', async () => {
  const { sqs, QueueUrl } = await withQueue()
  const send = sender(sqs, QueueUrl)
  const sent = [await send('a', 'g', 'id-1'), await send('b', 'g', 'id-2')].map(({ body }) => body.SequenceNumber)
  expect(sent[0]).toMatch(/^[0-9]+$/)
  expect(sent[0] < sent[1]).toBe(true)
  const received = await receive(sqs, QueueUrl, { AttributeNames: ['All'] })
  expect(
    received.map(({ Attributes }: { Attributes: Record<string, string> }) => [
      Attributes.MessageGroupId,
      Attributes.MessageDeduplicationId,
      Attributes.SequenceNumber,
    ]),
  ).toEqual([
    ['g', 'id-1', sent[0]],
    ['g', 'id-2', sent[1]],
  ])
})

test('a message without a deduplication id of its own has the hash of its body', async () => {
  const { sqs, QueueUrl } = await withQueue({ ContentBasedDeduplication: 'true' })
  await sender(sqs, QueueUrl)('x', 'g')
  const [{ Attributes }] = await receive(sqs, QueueUrl, { AttributeNames: ['MessageDeduplicationId'] })
  expect(Attributes).toEqual({
    MessageDeduplicationId: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881',
  })
})

test('a dead letter is no double of a message that had its deduplication id', async () => {
  const { sqs, QueueUrl: dead } = await withQueue({ VisibilityTimeout: '0' })
  const QueueUrl = await sqs.queue('steps.fifo', {
    FifoQueue: 'true',
    VisibilityTimeout: '0',
    RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:orders.fifo","maxReceiveCount":1}',
  })
  const { body } = await sender(sqs, QueueUrl)('poison', 'g', 'id')
  expect(await receive(sqs, QueueUrl)).toHaveLength(1)
  expect(await receive(sqs, QueueUrl)).toEqual([])
  await sender(sqs, dead)('other', 'g', 'id')
  const received = await receive(sqs, dead, { AttributeNames: ['MessageDeduplicationId'] })
  expect(received).toMatchObject([
    { Body: 'poison', Attributes: { MessageDeduplicationId: body.MessageId } },
    { Body: 'other', Attributes: { MessageDeduplicationId: 'id' } },
  ])
})

test('a message sent again within five minutes is the same message', async () => {
  const { sqs, QueueUrl } = await withQueue()
  const send = sender(sqs, QueueUrl)
  const first = await send('a', 'g', 'id')
  const again = await send('other words', 'g', 'id')
  expect(again.body.MessageId).toBe(first.body.MessageId)
  expect(again.body.SequenceNumber).toBe(first.body.SequenceNumber)
  expect(bodies(await receive(sqs, QueueUrl))).toEqual(['a'])
  await sqs.engine.clock.advance(301_000)
  expect((await send('a', 'g', 'id')).body.MessageId).not.toBe(first.body.MessageId)
})

test('a receive repeated with its attempt id gives the same messages again', async () => {
  const { sqs, QueueUrl } = await withQueue({ ContentBasedDeduplication: 'true' })
  await sender(sqs, QueueUrl)('a', 'g')
  const first = await receive(sqs, QueueUrl, { ReceiveRequestAttemptId: 'attempt-1' })
  const again = await receive(sqs, QueueUrl, { ReceiveRequestAttemptId: 'attempt-1' })
  expect([bodies(first), bodies(again)]).toEqual([['a'], ['a']])
  expect(failureOf(await sqs.json('ReceiveMessage', { QueueUrl, ReceiveRequestAttemptId: 'a b' })).message).toContain(
    'ReceiveRequestAttemptId can only include alphanumeric and punctuation characters',
  )
})

test('a receipt handle that another receive has followed is expired', async () => {
  const { sqs, QueueUrl } = await withQueue({ ContentBasedDeduplication: 'true' })
  await sender(sqs, QueueUrl)('a', 'g')
  const [{ ReceiptHandle }] = await receive(sqs, QueueUrl, { VisibilityTimeout: 1 })
  await sqs.engine.clock.advance(2_000)
  expect(await receive(sqs, QueueUrl)).toHaveLength(1)
  const message = `Value ${ReceiptHandle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`
  expect(failureOf(await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle }))).toMatchObject({
    shape: 'InvalidParameterValueException',
    message,
  })
  const { body } = await sqs.json('DeleteMessageBatch', { QueueUrl, Entries: [{ Id: 'a', ReceiptHandle }] })
  expect(body.Failed).toEqual([{ Id: 'a', SenderFault: true, Code: 'InvalidParameterValue', Message: message }])
})

test('a standard queue stores two messages with one Holdfast.DeduplicationId once', async () => {
  const sqs = sqsHarness()
  const QueueUrl = await sqs.queue('orders')
  const MessageAttributes = { 'Holdfast.DeduplicationId': { DataType: 'String', StringValue: 'once' } }
  const sent = [1, 2].map(() => sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes }))
  const [first, second] = await Promise.all(sent)
  expect(first?.body.MessageId).toBe(second?.body.MessageId)
  expect(await receive(sqs, QueueUrl)).toHaveLength(1)
})

test('a batch with an entry that a FIFO queue can not take at all sends nothing', async () => {
  const sqs = sqsHarness()
  const QueueUrl = await sqs.queue('steps.fifo', { FifoQueue: 'true' })
  const good = { Id: 'good', MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' }
  for (const bad of [
    { Id: 'bad', MessageBody: 'x', MessageGroupId: 'g' },
    { ...good, Id: 'bad', DelaySeconds: 5 },
  ]) {
    const sent = await sqs.json('SendMessageBatch', { QueueUrl, Entries: [good, bad] })
    expect(failureOf(sent)).toMatchObject({ status: 400, shape: 'InvalidParameterValueException' })
  }
  expect(await receive(sqs, QueueUrl)).toEqual([])
})

test("a delay of zero is let pass, and leaves the queue's own in force", async () => {
  const { sqs, QueueUrl } = await withQueue({ ContentBasedDeduplication: 'true', DelaySeconds: '5' })
  const message = { MessageBody: 'x', MessageGroupId: 'g', DelaySeconds: 0 }
  expect((await sqs.json('SendMessage', { QueueUrl, ...message })).status).toBe(200)
  const Entries = [{ Id: 'a', ...message, MessageBody: 'y' }]
  expect((await sqs.json('SendMessageBatch', { QueueUrl, Entries })).body.Successful).toHaveLength(1)
  expect(await receive(sqs, QueueUrl)).toEqual([])
  await sqs.engine.clock.advance(5_000)
  expect(bodies(await receive(sqs, QueueUrl))).toEqual(['x', 'y'])
})
