import type { SQSEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { queueNames } from '../../../functions/sqs/queue-url.ts'
import type { NewMessage } from '../../../lib/model/message.ts'
import { DEFAULT_FIFO, type SettingsChange } from '../../../lib/model/queue-settings.ts'
import { publish } from '../../../lib/publish/publish.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { deliver, runHandler } from '../../support/lambda-handler.ts'
import { START } from '../../support/manual-clock.ts'
import { testEngine } from '../../support/test-engine.ts'

const SCOPE = { account: '123456789012', region: 'eu-central-1' }
const TRACE = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1'

/** The event that a function gets when these messages are published. */
const eventOf = async (
  messages: readonly NewMessage[],
  { queue = 'orders', settings = {} }: { queue?: string; settings?: SettingsChange } = {},
): Promise<SQSEvent['Records']> => {
  const engine = testEngine()
  await createQueue(engine, queue, { settings })
  await setTrigger(engine, { queue, functionName: 'handler', functionTimeoutSeconds: 10 })
  await publish(engine, queue, messages)
  await engine.clock.advance(250)
  const seen: SQSEvent['Records'] = []
  const handler = runHandler(({ Records }) => void seen.push(...Records))
  await deliver(engine, queue, handler, { names: queueNames(SCOPE) })
  return seen
}

const GENERATED = { messageId: expect.stringMatching(/^[!-~]+$/), receiptHandle: expect.stringMatching(/^[!-~]+$/) }

test('a message of a standard queue has the fields of SQS, and no others', async () => {
  expect(await eventOf([{ body: 'this is my body' }])).toEqual([
    {
      ...GENERATED,
      body: 'this is my body',
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: String(START),
        SenderId: '123456789012',
        ApproximateFirstReceiveTimestamp: String(START + 250),
      },
      messageAttributes: {},
      md5OfBody: '567762fc32b60cd7fc4abbe9cf1fcfbe',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:eu-central-1:123456789012:orders',
      awsRegion: 'eu-central-1',
    },
  ])
})

test('attributes of each type are as SQS shows them, with the digest that SQS gives for them', async () => {
  const attributes = {
    Greeting: { dataType: 'Binary', value: Buffer.from('Hello, World!') },
    Population: { dataType: 'Number', value: '1250800' },
    City: { dataType: 'String', value: 'Any City' },
  }
  const [record] = await eventOf([{ body: 'x', attributes }])
  expect(record?.messageAttributes).toEqual({
    Greeting: {
      binaryValue: 'SGVsbG8sIFdvcmxkIQ==',
      stringListValues: [],
      binaryListValues: [],
      dataType: 'Binary',
    },
    Population: { stringValue: '1250800', stringListValues: [], binaryListValues: [], dataType: 'Number' },
    City: { stringValue: 'Any City', stringListValues: [], binaryListValues: [], dataType: 'String' },
  })
  // Of an event that SQS itself made for these attributes.
  expect(record?.md5OfMessageAttributes).toBe('28eb0e573cf8e8a77e349a2f968eac4a')
})

test('a custom data type keeps its label, and bytes that are no text come as they are', async () => {
  const bytes = Uint8Array.of(0, 255, 254, 128, 10)
  const [record] = await eventOf([
    {
      body: 'x',
      attributes: { Price: { dataType: 'Number.int', value: '7' }, Icon: { dataType: 'Binary.png', value: bytes } },
    },
  ])
  expect(record?.messageAttributes.Price).toMatchObject({ stringValue: '7', dataType: 'Number.int' })
  expect(record?.messageAttributes.Icon).toMatchObject({ binaryValue: 'AP/+gAo=', dataType: 'Binary.png' })
  expect(record?.messageAttributes.Icon).not.toHaveProperty('stringValue')
})

test('a message of a FIFO queue has its group, sequence number and deduplication id', async () => {
  const message = {
    body: 'x',
    groupId: 'customer-1',
    deduplicationId: 'order-1',
    traceHeader: TRACE,
    senderId: 'AIDAEXAMPLE',
  }
  const [record] = await eventOf([message], { queue: 'orders.fifo', settings: { fifo: DEFAULT_FIFO } })
  expect(record?.attributes).toEqual({
    ApproximateReceiveCount: '1',
    AWSTraceHeader: TRACE,
    SentTimestamp: String(START),
    SequenceNumber: expect.stringMatching(/^[0-9]{20}$/),
    MessageGroupId: 'customer-1',
    SenderId: 'AIDAEXAMPLE',
    MessageDeduplicationId: 'order-1',
    ApproximateFirstReceiveTimestamp: String(START + 250),
  })
  expect(record?.eventSourceARN).toBe('arn:aws:sqs:eu-central-1:123456789012:orders.fifo')
})

test('a body that decides on its deduplication shows its SHA-256 as the deduplication id', async () => {
  const settings = { fifo: { ...DEFAULT_FIFO, contentBasedDeduplication: true } }
  const [record] = await eventOf([{ body: 'abc', groupId: 'a' }], { queue: 'orders.fifo', settings })
  expect(record?.attributes.MessageDeduplicationId).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('a group on a standard queue is shown, without a number', async () => {
  const [record] = await eventOf([{ body: 'x', groupId: 'customer-1' }])
  expect(record?.attributes).toMatchObject({ MessageGroupId: 'customer-1' })
  expect(record?.attributes).not.toHaveProperty('SequenceNumber')
})

test('a message in a dead-letter queue has the queue that it came from, and its receive count', async () => {
  const engine = testEngine()
  await createQueue(engine, 'orders-dead', {})
  const deadLetter = { queue: 'orders-dead', maxReceives: 1 }
  await createQueue(engine, 'orders', { settings: { deadLetter, visibilityTimeoutSeconds: 0 } })
  for (const queue of ['orders', 'orders-dead']) {
    await setTrigger(engine, { queue, functionName: queue, functionTimeoutSeconds: 10 })
  }
  await publish(engine, 'orders', [{ body: 'x' }])
  const seen: SQSEvent['Records'] = []
  const failing = runHandler(() => {
    throw new Error('no')
  })
  await deliver(engine, 'orders', failing)
  await deliver(
    engine,
    'orders-dead',
    runHandler(({ Records }) => void seen.push(...Records)),
    { names: queueNames(SCOPE) },
  )
  expect(seen.map(({ attributes, eventSourceARN }) => [attributes, eventSourceARN])).toEqual([
    [
      expect.objectContaining({
        ApproximateReceiveCount: '2',
        DeadLetterQueueSourceArn: 'arn:aws:sqs:eu-central-1:123456789012:orders',
      }),
      'arn:aws:sqs:eu-central-1:123456789012:orders-dead',
    ],
  ])
})

test('a body that is not text comes as the text that SQS clients see', async () => {
  const records = await eventOf([{ body: { id: 1 } }, { body: Uint8Array.of(1, 2, 3) }, { body: 'ü\u{1f600}\n"' }])
  expect(records.map(({ body, md5OfBody }) => [body, md5OfBody])).toEqual([
    ['{"id":1}', 'd2ce28b9a7fd7e4407e2b0fd499b7fe4'],
    ['AQID', '6b8c45f87b6d628722d79d75ce1ce232'],
    ['ü\u{1f600}\n"', '3aaa7b33f2ff2242ef3a92bae1151fce'],
  ])
})
