import { describe, expect, test } from 'vitest'
import { failureOf, sqsHarness } from './harness.ts'

const withQueue = async (attributes: Readonly<Record<string, string>> = {}) => {
  const sqs = sqsHarness()
  return { sqs, QueueUrl: await sqs.queue('orders', attributes) }
}
const entries = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ Id: `m${at}`, MessageBody: `body ${at}` }))

describe.each(['SendMessageBatch', 'DeleteMessageBatch', 'ChangeMessageVisibilityBatch'])('%s', (action) => {
  test.each([
    [undefined, 'EmptyBatchRequest', `There should be at least one ${action}RequestEntry in the request.`],
    [[], 'EmptyBatchRequest', `There should be at least one ${action}RequestEntry in the request.`],
    [entries(20), 'TooManyEntriesInBatchRequest', 'Maximum number of entries per request are 10. You have sent 20.'],
    [[{ Id: '1' }, { Id: '1' }], 'BatchEntryIdsNotDistinct', 'Id 1 repeated.'],
    ...['', 'a b', 'ä', 'x'.repeat(81)].map((Id): [object[], string, string] => [
      [{ Id }],
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    ]),
  ])('refuses the whole of %#', async (Entries, shape, message) => {
    const { sqs, QueueUrl } = await withQueue()
    expect(failureOf(await sqs.json(action, { QueueUrl, Entries }))).toEqual({
      status: 400,
      shape,
      code: `AWS.SimpleQueueService.${shape};Sender`,
      message,
    })
  })
})

describe('SendMessageBatch', () => {
  test('sends ten, each with its digest', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const { body } = await sqs.json('SendMessageBatch', { QueueUrl, Entries: entries(10) })
    expect(body.Failed).toBeUndefined()
    expect(body.Successful.map(({ Id }: { Id: string }) => Id)).toEqual(entries(10).map(({ Id }) => Id))
    expect(new Set(body.Successful.map(({ MessageId }: { MessageId: string }) => MessageId)).size).toBe(10)
    expect(body.Successful[0].MD5OfMessageBody).toBe('2c2f1edb5aac06c6c201d1fe8916de7d')
    const received = await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
    expect(received.body.Messages).toHaveLength(10)
  })

  test('writes one segment where delay and priority agree', async () => {
    const { sqs, QueueUrl } = await withQueue()
    let inserted = 0
    const { insert } = sqs.engine.store
    const counted = {
      ...sqs.engine,
      store: {
        ...sqs.engine.store,
        insert: (segment: Parameters<typeof insert>[0]) => {
          inserted++
          return insert(segment)
        },
      },
    }
    const counting = sqsHarness({}, counted)
    expect((await counting.json('SendMessageBatch', { QueueUrl, Entries: entries(10) })).body.Successful).toHaveLength(
      10,
    )
    expect(inserted).toBe(1)
  })

  test('fails only the entries that are wrong', async () => {
    const { sqs, QueueUrl } = await withQueue({ MaximumMessageSize: '1024' })
    const { status, body } = await sqs.json('SendMessageBatch', {
      QueueUrl,
      Entries: [
        { Id: 'good', MessageBody: 'x' },
        { Id: 'bodiless' },
        { Id: 'large', MessageBody: 'x'.repeat(1_025) },
        { Id: 'late', MessageBody: 'x', DelaySeconds: 1_000 },
        { Id: 'binary', MessageBody: '\u0000' },
        {
          Id: 'extended',
          MessageBody: 'x',
          MessageAttributes: { 'Holdfast.TimeToLiveSeconds': { DataType: 'Number', StringValue: '0' } },
        },
      ],
    })
    expect(status).toBe(200)
    expect(body.Successful.map(({ Id }: { Id: string }) => Id)).toEqual(['good'])
    expect(body.Failed.map(({ Id, SenderFault, Code }: Record<string, unknown>) => [Id, SenderFault, Code])).toEqual([
      ['bodiless', true, 'MissingParameter'],
      ['large', true, 'InvalidParameterValue'],
      ['late', true, 'InvalidParameterValue'],
      ['binary', true, 'InvalidMessageContents'],
      ['extended', true, 'InvalidParameterValue'],
    ])
    expect(body.Failed[1].Message).toBe(
      'One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.',
    )
  })

  test('refuses more than a mebibyte together', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const Entries = [1, 2].map((id) => ({ Id: `${id}`, MessageBody: 'x'.repeat(524_289) }))
    expect(failureOf(await sqs.json('SendMessageBatch', { QueueUrl, Entries }))).toEqual({
      status: 400,
      shape: 'BatchRequestTooLong',
      code: 'AWS.SimpleQueueService.BatchRequestTooLong;Sender',
      message: 'Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes.',
    })
  })
})

describe('DeleteMessageBatch, ChangeMessageVisibilityBatch', () => {
  test('answer for each entry', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessageBatch', { QueueUrl, Entries: entries(3) })
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
    const [one, two, three] = body.Messages.map(({ ReceiptHandle }: { ReceiptHandle: string }) => ReceiptHandle)
    const changed = await sqs.json('ChangeMessageVisibilityBatch', {
      QueueUrl,
      Entries: [
        { Id: 'now', ReceiptHandle: one, VisibilityTimeout: 0 },
        { Id: 'long', ReceiptHandle: two, VisibilityTimeout: 43_201 },
        { Id: 'none', ReceiptHandle: 'garbage', VisibilityTimeout: 1 },
        { Id: 'unsaid', ReceiptHandle: three },
        { Id: 'later', ReceiptHandle: three, VisibilityTimeout: 60 },
      ],
    })
    expect(changed.body.Successful).toEqual([{ Id: 'now' }, { Id: 'later' }])
    expect(changed.body.Failed.map(({ Id, Code }: Record<string, string>) => [Id, Code])).toEqual([
      ['long', 'InvalidParameterValue'],
      ['unsaid', 'MissingParameter'],
      ['none', 'ReceiptHandleIsInvalid'],
    ])
    const deleted = await sqs.json('DeleteMessageBatch', {
      QueueUrl,
      Entries: [
        { Id: 'two', ReceiptHandle: two },
        { Id: 'again', ReceiptHandle: two },
        { Id: 'garbage', ReceiptHandle: 'garbage' },
        { Id: 'handleless' },
      ],
    })
    expect(deleted.body).toEqual({
      Successful: [{ Id: 'two' }, { Id: 'again' }],
      Failed: [
        {
          Id: 'handleless',
          SenderFault: true,
          Code: 'MissingParameter',
          Message: 'The request must contain the parameter ReceiptHandle.',
        },
        {
          Id: 'garbage',
          SenderFault: true,
          Code: 'ReceiptHandleIsInvalid',
          Message: 'The input receipt handle "garbage" is not a valid receipt handle.',
        },
      ],
    })
  })

  test('delete a whole segment with one write', async () => {
    const { sqs, QueueUrl } = await withQueue()
    await sqs.json('SendMessageBatch', { QueueUrl, Entries: entries(10) })
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
    let changes = 0
    const { change } = sqs.engine.store
    const store = {
      ...sqs.engine.store,
      change: (all: Parameters<typeof change>[0]) => {
        changes += all.length
        return change(all)
      },
    }
    const counting = sqsHarness({}, { ...sqs.engine, store })
    const Entries = body.Messages.map(({ ReceiptHandle }: { ReceiptHandle: string }, at: number) => ({
      Id: `${at}`,
      ReceiptHandle,
    }))
    expect((await counting.json('DeleteMessageBatch', { QueueUrl, Entries })).body.Successful).toHaveLength(10)
    expect(changes).toBe(1)
  })

  test('in the query protocol, an answer has the failures of its entries', async () => {
    const { sqs, QueueUrl } = await withQueue()
    const { xml } = await sqs.query({
      Action: 'DeleteMessageBatch',
      QueueUrl,
      'DeleteMessageBatchRequestEntry.1.Id': 'a',
      'DeleteMessageBatchRequestEntry.1.ReceiptHandle': 'x<y',
    })
    expect(xml).toContain(
      '<BatchResultErrorEntry><Id>a</Id><SenderFault>true</SenderFault><Code>ReceiptHandleIsInvalid</Code><Message>The input receipt handle &quot;x&lt;y&quot; is not a valid receipt handle.</Message></BatchResultErrorEntry>',
    )
  })
})
