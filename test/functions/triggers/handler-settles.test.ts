import type { SQSEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { counts } from '../../../lib/queues/counts.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { setTrigger } from '../../../lib/triggers/trigger.ts'
import { deliver, runHandler } from '../../support/lambda-handler.ts'
import { textValue, withQueue } from '../sqs/harness.ts'

type Record = SQSEvent['Records'][number]

/** A queue with one message, and a trigger whose handler reaches the SQS endpoint. */
const rig = async (handler: (record: Record, call: (action: string, more?: object) => Promise<void>) => unknown) => {
  const { sqs, QueueUrl } = await withQueue({ VisibilityTimeout: '120' })
  const { engine } = sqs
  await setTrigger(engine, { queue: 'orders', functionName: 'handler', functionTimeoutSeconds: 10 })
  const MessageAttributes = { colour: textValue('red') }
  await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes })
  const run = runHandler(async ({ Records: [record] }) => {
    const { receiptHandle } = record as Record
    const call = async (action: string, more: object = {}) => {
      const { status } = await sqs.json(action, { QueueUrl, ReceiptHandle: receiptHandle, ...more })
      expect(status).toBe(200)
    }
    return handler(record as Record, call)
  })
  const receiveAfter = async (seconds: number) => {
    await engine.clock.advance(seconds * 1_000)
    return (await poll(engine, 'orders', {})).map(({ receiveCount }) => receiveCount)
  }
  return { engine, delivered: () => deliver(engine, 'orders', run), receiveAfter }
}

const failureOf = ({ messageId }: Record) => ({ batchItemFailures: [{ itemIdentifier: messageId }] })

test.each([
  ['and answers', async () => {}],
  ['and fails', failureOf],
  [
    'and throws',
    () => {
      throw new Error('after the delete')
    },
  ],
])('a handler that deletes its message itself, %s, has it deleted', async (_, ending) => {
  const { engine, delivered } = await rig(async (record, call) => {
    await call('DeleteMessage')
    return ending(record)
  })
  const { observed } = await delivered()
  expect(
    observed.map(({ type }) => type).filter((type) => type === 'settling-failed' || type === 'lease-lost'),
  ).toEqual([])
  expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0, delayed: 0 })
})

test.each([
  ['reports its message', failureOf],
  [
    'throws',
    () => {
      throw new Error('later')
    },
  ],
])('a handler that says itself when its message comes again, and %s, is heeded', async (_, ending) => {
  const { delivered, receiveAfter } = await rig(async (record, call) => {
    await call('ChangeMessageVisibility', { VisibilityTimeout: 600 })
    return ending(record)
  })
  await delivered()
  expect(await receiveAfter(590)).toEqual([])
  expect(await receiveAfter(10)).toEqual([2])
})

test('a handler that extends its message and then is done with it has it acked', async () => {
  const { engine, delivered } = await rig((_, call) => call('ChangeMessageVisibility', { VisibilityTimeout: 600 }))
  await delivered()
  expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0, delayed: 0 })
})

test('a handler that makes its message visible at once has it come again at once', async () => {
  let runs = 0
  const { engine, delivered } = await rig(async (record, call) => {
    if (++runs > 1) return
    await call('ChangeMessageVisibility', { VisibilityTimeout: 0 })
    return failureOf(record)
  })
  const before = engine.clock.now()
  await delivered()
  expect(runs).toBe(2)
  expect(engine.clock.now() - before).toBeLessThan(20_000)
  expect(await counts(engine, 'orders')).toMatchObject({ ready: 0, leased: 0, delayed: 0 })
})
