import { describe, expect, test } from 'vitest'
import { failureOf, receivedBodies, type SqsHarness, withQueue } from './harness.ts'

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

  test('of a message that another client has received since delete nothing and succeed', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })
    const ReceiptHandle = await receive(sqs, QueueUrl)
    await sqs.engine.clock.advance(31_000)
    const newer = await receive(sqs, QueueUrl)
    expect(newer).not.toBe(ReceiptHandle)
    expect((await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle })).status).toBe(200)
    await sqs.engine.clock.advance(31_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
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
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([])
    expect(failureOf(await change(39_582)).message).toBe(
      'Value 39582 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
    )
    expect((await change(39_581)).status).toBe(200)
    expect(failureOf(await change(43_201)).message).toBe(
      'Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.',
    )
    expect(failureOf(await change()).message).toBe('The request must contain the parameter VisibilityTimeout.')
    expect((await change(0)).status).toBe(200)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
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
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
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
    expect(await receivedBodies(sqs, QueueUrl)).toEqual([])
    await sqs.engine.clock.advance(1_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
    expect(await change()).toMatchObject({ status: 200, body: {} })
    const { body } = await sqs.json('ChangeMessageVisibilityBatch', { QueueUrl, Entries: [{ Id: 'a', ...wish }] })
    expect(body).toEqual({ Successful: [{ Id: 'a' }] })
    await sqs.engine.clock.advance(30_000)
    expect(await receivedBodies(sqs, QueueUrl)).toEqual(['x'])
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
