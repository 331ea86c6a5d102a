import { expect, test } from 'vitest'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { awaitResult, messageStatus } from '../../../lib/results/await-result.ts'
import { sqsHarness } from './harness.ts'

/** A queue that keeps results, of which SQS clients see nothing. */
const queueWithResults = async (attributes: Readonly<Record<string, string>> = {}) => {
  const sqs = sqsHarness()
  const QueueUrl = await sqs.queue('orders', attributes)
  await updateQueue(sqs.engine, 'orders', { settings: { results: { retentionSeconds: 600 } } })
  // By now every process would know of it.
  await sqs.engine.clock.advance(10_000)
  const send = async (): Promise<string> =>
    (await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })).body.MessageId
  const receive = async (): Promise<{ ReceiptHandle: string }[]> =>
    (await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 30 })).body.Messages
  return { sqs, QueueUrl, send, receive }
}

test('after a delete the producer reads that the work is done', async () => {
  const { sqs, QueueUrl, send, receive } = await queueWithResults()
  const id = await send()
  const [message] = await receive()
  await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle: message?.ReceiptHandle })
  expect(await awaitResult(sqs.engine, 'orders', id)).toEqual({ status: { state: 'done', at: sqs.engine.clock.now() } })
})

test('after a batch of deletes the producer reads it of each message', async () => {
  const { sqs, QueueUrl, send, receive } = await queueWithResults()
  const ids = [await send(), await send(), await send()]
  const messages = await receive()
  const Entries = messages.map(({ ReceiptHandle }, n) => ({ Id: `e${n}`, ReceiptHandle }))
  expect((await sqs.json('DeleteMessageBatch', { QueueUrl, Entries })).body.Successful).toHaveLength(3)
  const states = await Promise.all(ids.map(async (id) => (await messageStatus(sqs.engine, 'orders', id)).state))
  expect(states).toEqual(['done', 'done', 'done'])
})

test('a late delete of a message that another client has received stores no result', async () => {
  const { sqs, QueueUrl, send, receive } = await queueWithResults()
  const id = await send()
  const [first] = await receive()
  await sqs.engine.clock.advance(30_000)
  await receive()
  expect((await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle: first?.ReceiptHandle })).status).toBe(200)
  expect((await messageStatus(sqs.engine, 'orders', id)).state).toBe('leased')
})

test('a message whose visibility timeout was set to zero is ready, and not leased', async () => {
  const { sqs, QueueUrl, send, receive } = await queueWithResults()
  const id = await send()
  const [message] = await receive()
  await sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 0 })
  expect(await messageStatus(sqs.engine, 'orders', id)).toEqual({ state: 'ready', receiveCount: 1 })
})

test('no attribute of the queue shows the setting results', async () => {
  const { sqs, QueueUrl } = await queueWithResults()
  const { body } = await sqs.json('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
  expect(Object.keys(body.Attributes).filter((name) => /result/i.test(name))).toEqual([])
})
