import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  paginateListQueues,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
  TagQueueCommand,
} from '@aws-sdk/client-sqs'
import { Consumer } from 'sqs-consumer'
import { Producer } from 'sqs-producer'
import { afterEach, describe, expect, test } from 'vitest'
import { sqsEndpoint } from '../../../functions/sqs/endpoint.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import { createEngine } from '../../../lib/engine.ts'
import { runRedrive } from '../../../lib/redrive/redrive.ts'
import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { type HttpServer, serveHttp } from './http-server.ts'

const KEY = { accessKeyId: 'HFEXAMPLEKEY', secretAccessKey: 'a-secret-of-the-operator' }
let server: HttpServer | undefined
const clients: SQSClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await server?.close()
  server = undefined
})

const start = async ({ keys }: { keys?: readonly (typeof KEY)[] } = {}) => {
  const engine = createEngine({ store: memoryStore() })
  const ring = { find: async (id: string) => keys?.find(({ accessKeyId }) => accessKeyId === id) }
  server = await serveHttp(
    sqsEndpoint({
      engine,
      redrives: async (queue, taskId) => void (await runRedrive(engine, queue, taskId)),
      ...(keys && { authenticate: sigv4Authenticator({ keys: ring }) }),
    }),
  )
  return { engine, url: server.url }
}
const clientOf = (endpoint: string, credentials = KEY): SQSClient => {
  const client = new SQSClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
  clients.push(client)
  return client
}
const withQueue = async (attributes: Record<string, string> = {}) => {
  const { engine, url } = await start()
  const client = clientOf(url)
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: 'orders', Attributes: attributes }))
  return { engine, url, client, QueueUrl }
}

describe('@aws-sdk/client-sqs', () => {
  test('sends, receives, and verifies the digests', async () => {
    const { client, QueueUrl } = await withQueue()
    const MessageAttributes = {
      text: { DataType: 'String', StringValue: 'größer' },
      bytes: { DataType: 'Binary', BinaryValue: Uint8Array.of(0, 1, 255) },
    }
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hällo 😀', MessageAttributes }))
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'] }),
    )
    const [message] = Messages
    expect(message?.Body).toBe('hällo 😀')
    expect(message?.MessageAttributes).toEqual(MessageAttributes)
    await client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 60 }),
    )
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }))
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    )
    expect(Attributes).toEqual({ ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '0' })
  })

  test('does the same in batches', async () => {
    const { client, QueueUrl } = await withQueue()
    const Entries = Array.from({ length: 10 }, (_, at) => ({ Id: `${at}`, MessageBody: `body ${at}` }))
    const sent = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    expect(sent.Successful).toHaveLength(10)
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
    )
    expect(Messages.map(({ Body }) => Body).sort()).toEqual(Entries.map(({ MessageBody }) => MessageBody))
    const handles = Messages.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle }))
    const changed = await client.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: handles.map((entry) => ({ ...entry, VisibilityTimeout: 9 })),
      }),
    )
    expect(changed.Successful).toHaveLength(10)
    const deleted = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: handles }))
    expect(deleted.Successful).toHaveLength(10)
  })

  test('maps our errors to its own classes', async () => {
    const { client, QueueUrl } = await withQueue()
    await expect(client.send(new GetQueueUrlCommand({ QueueName: 'missing' }))).rejects.toBeInstanceOf(
      QueueDoesNotExist,
    )
    await expect(
      client.send(new CreateQueueCommand({ QueueName: 'orders', Attributes: { DelaySeconds: '9' } })),
    ).rejects.toBeInstanceOf(QueueNameExists)
    await expect(client.send(new SendMessageCommand({ QueueUrl, MessageBody: '' }))).rejects.toMatchObject({
      name: 'MissingParameter',
      $fault: 'client',
    })
  })

  test('manages queues', async () => {
    const { client, QueueUrl } = await withQueue()
    const { QueueUrl: dead = '' } = await client.send(new CreateQueueCommand({ QueueName: 'dead', tags: { a: '1' } }))
    const deadLetterTargetArn = 'arn:aws:sqs:us-east-1:000000000000:dead'
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 })
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { RedrivePolicy } }))
    await client.send(new TagQueueCommand({ QueueUrl: dead, Tags: { b: '2' } }))
    expect((await client.send(new ListQueueTagsCommand({ QueueUrl: dead }))).Tags).toEqual({ a: '1', b: '2' })
    const pages = []
    for await (const { QueueUrls } of paginateListQueues({ client, pageSize: 1 }, {})) pages.push(QueueUrls)
    expect(pages.flat()).toEqual([dead, QueueUrl])
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    await client.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }))
    await client.send(new ReceiveMessageCommand({ QueueUrl }))
    await client.send(new StartMessageMoveTaskCommand({ SourceArn: deadLetterTargetArn }))
    const tasks = await client.send(new ListMessageMoveTasksCommand({ SourceArn: deadLetterTargetArn }))
    expect(tasks.Results).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 }])
    await client.send(new PurgeQueueCommand({ QueueUrl }))
    await client.send(new DeleteQueueCommand({ QueueUrl: dead }))
    expect((await client.send(new ListQueuesCommand({}))).QueueUrls).toEqual([QueueUrl])
  })

  test('gets in with a key of the operator and not without', async () => {
    const { url } = await start({ keys: [KEY] })
    const client = clientOf(url)
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'orders' }))
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    const other = clientOf(url, { ...KEY, secretAccessKey: 'some-other-secret-of-his' })
    await expect(other.send(new ListQueuesCommand({}))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' })
    const unknown = clientOf(url, { ...KEY, accessKeyId: 'HFUNKNOWN' })
    await expect(unknown.send(new ListQueuesCommand({}))).rejects.toMatchObject({ name: 'InvalidClientTokenId' })
  })

  test('takes nothing with a long poll that it gave up', async () => {
    const { client, QueueUrl } = await withQueue()
    const gone = new AbortController()
    const polling = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    })
    // The poll has reached the server once another request after it has been answered.
    await client.send(new ListQueuesCommand({}))
    gone.abort()
    await expect(polling).rejects.toMatchObject({ name: 'AbortError' })
    await client.send(new ListQueuesCommand({}))
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        WaitTimeSeconds: 5,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    )
    expect(Messages.map(({ Attributes }) => Attributes)).toEqual([{ ApproximateReceiveCount: '1' }])
  })
})

describe('sqs-producer and sqs-consumer', () => {
  test('work together, with attributes, batches and a message that fails once', async () => {
    const { client, QueueUrl } = await withQueue()
    const producer = Producer.create({ queueUrl: QueueUrl, sqs: client })
    await producer.send([
      'one',
      { id: 'two', body: 'two', messageAttributes: { kind: { DataType: 'String', StringValue: 'x' } } },
      ...Array.from({ length: 12 }, (_, at) => `more-${at}`),
    ])
    expect(await producer.queueSize()).toBe(14)

    const handled: string[] = []
    let failedOnce = false
    const done = new Promise<void>((resolve, reject) => {
      const consumer = Consumer.create({
        queueUrl: QueueUrl,
        sqs: client,
        batchSize: 10,
        waitTimeSeconds: 1,
        pollingWaitTimeMs: 0,
        messageAttributeNames: ['All'],
        terminateVisibilityTimeout: true,
        handleMessage: async (message) => {
          if (message.Body === 'one' && !failedOnce) {
            failedOnce = true
            throw new Error('once')
          }
          handled.push(
            message.MessageAttributes?.kind
              ? `${message.Body} of kind ${message.MessageAttributes.kind.StringValue}`
              : String(message.Body),
          )
          return message
        },
      })
      consumer.on('error', reject)
      consumer.on('processing_error', () => {})
      consumer.on('message_processed', () => {
        if (handled.length === 14) consumer.stop()
      })
      consumer.on('stopped', () => resolve())
      consumer.start()
    })
    await done
    expect(failedOnce).toBe(true)
    expect(handled.sort()).toEqual(
      ['one', 'two of kind x', ...Array.from({ length: 12 }, (_, at) => `more-${at}`)].sort(),
    )
  })
})
