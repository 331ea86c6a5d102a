import { beforeEach, describe, expect, test } from 'vitest'
import { failureOf, type SqsHarness, sqsHarness } from './harness.ts'

interface Received {
  readonly body: string
  readonly receiptHandle: string
}

interface FifoClient {
  send(group: string, body: string): Promise<void>
  receive(maxMessages: number, options?: { visibilityTimeout?: number; waitTime?: number }): Promise<Received[]>
  changeVisibility(receiptHandle: string | undefined, seconds: number): Promise<void>
  remove(receiptHandle: string | undefined): Promise<void>
}

const jsonClient = (sqs: SqsHarness, QueueUrl: string): FifoClient => ({
  send: async (MessageGroupId, MessageBody) => {
    const MessageDeduplicationId = deduplicationId()
    await sqs.json('SendMessage', { QueueUrl, MessageGroupId, MessageBody, MessageDeduplicationId })
  },
  receive: async (MaxNumberOfMessages, { visibilityTimeout, waitTime } = {}) => {
    const input = { QueueUrl, MaxNumberOfMessages, VisibilityTimeout: visibilityTimeout, WaitTimeSeconds: waitTime }
    const { body } = await sqs.json('ReceiveMessage', input)
    return (body.Messages ?? []).map((one: { Body: string; ReceiptHandle: string }) => ({
      body: one.Body,
      receiptHandle: one.ReceiptHandle,
    }))
  },
  changeVisibility: async (ReceiptHandle, VisibilityTimeout) => {
    const { status } = await sqs.json('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout })
    expect(status).toBe(200)
  },
  remove: async (ReceiptHandle) => {
    expect((await sqs.json('DeleteMessage', { QueueUrl, ReceiptHandle })).status).toBe(200)
  },
})

const queryClient = (sqs: SqsHarness, QueueUrl: string): FifoClient => {
  const call = async (Action: string, parameters: Readonly<Record<string, string>>) => {
    const answer = await sqs.query({ Action, QueueUrl, ...parameters })
    expect(answer.status).toBe(200)
    return answer.xml
  }
  return {
    send: async (MessageGroupId, MessageBody) => {
      await call('SendMessage', { MessageGroupId, MessageBody, MessageDeduplicationId: deduplicationId() })
    },
    receive: async (maxMessages, { visibilityTimeout, waitTime } = {}) => {
      const xml = await call('ReceiveMessage', {
        MaxNumberOfMessages: String(maxMessages),
        ...(visibilityTimeout !== undefined && { VisibilityTimeout: String(visibilityTimeout) }),
        ...(waitTime !== undefined && { WaitTimeSeconds: String(waitTime) }),
      })
      const values = (tag: string) =>
        [...xml.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'g'))].map(([, text]) => text)
      const receiptHandles = values('ReceiptHandle')
      return values('Body').map((body = '', at) => ({ body, receiptHandle: receiptHandles[at] ?? '' }))
    },
    changeVisibility: async (receiptHandle = '', seconds) => {
      const parameters = { ReceiptHandle: receiptHandle, VisibilityTimeout: String(seconds) }
      await call('ChangeMessageVisibility', parameters)
    },
    remove: async (receiptHandle = '') => void (await call('DeleteMessage', { ReceiptHandle: receiptHandle })),
  }
}

let sent = 0
const deduplicationId = () => `id-${sent++}`
const bodies = (messages: readonly Received[]) => messages.map(({ body }) => body)

describe.each([
  ['JSON', jsonClient],
  ['query', queryClient],
])('order within FIFO groups, as recorded from AWS, in the %s protocol', (_, clientOf) => {
  let sqs: SqsHarness
  let client: FifoClient
  const useQueue = async (attributes: Readonly<Record<string, string>> = {}) => {
    client = clientOf(sqs, await sqs.queue(`queue-${deduplicationId()}.fifo`, { FifoQueue: 'true', ...attributes }))
  }
  /** Sends bodies such as `g1-m1` to the groups that they name. */
  const send = async (...named: string[]) => {
    for (const body of named) await client.send(body.slice(0, 2), body)
  }
  beforeEach(async () => {
    sqs = sqsHarness()
    await useQueue()
  })

  test.each([
    [0, []],
    [1, ['foo']],
    [2, ['foo', 'bar']],
  ])('a message whose timeout was extended holds up itself and those behind it: place %i', async (place, expected) => {
    await useQueue({ VisibilityTimeout: '1' })
    for (const body of ['foo', 'bar', 'baz']) await client.send('1', body)
    const received = await client.receive(5)
    expect(bodies(received)).toEqual(['foo', 'bar', 'baz'])
    await client.changeVisibility(received[place]?.receiptHandle, 4)
    await sqs.engine.clock.advance(2_500)
    expect(bodies(await client.receive(5))).toEqual(expected)
  })

  test('a message whose timeout was set to zero is received while the one behind it is in flight', async () => {
    await send('g1-m1', 'g1-m2', 'g2-m1')
    const [first] = await client.receive(2)
    await client.changeVisibility(first?.receiptHandle, 0)
    expect(bodies(await client.receive(3, { waitTime: 2 }))).toEqual(['g2-m1', 'g1-m1'])
  })

  test('a message whose timeout was cut short is received while the one behind it is in flight', async () => {
    await send('g1-m1', 'g1-m2', 'g2-m1')
    const [first] = await client.receive(2)
    await client.changeVisibility(first?.receiptHandle, 1)
    await sqs.engine.clock.advance(2_000)
    expect(bodies(await client.receive(3))).toEqual(['g2-m1', 'g1-m1'])
  })

  test('a group of which a part was deleted gives nothing while the rest is in flight', async () => {
    await send('g1-m1', 'g2-m1', 'g1-m2', 'g2-m2', 'g1-m3', 'g1-m4', 'g3-m1')
    const received = await client.receive(2)
    expect(bodies(received)).toEqual(['g1-m1', 'g1-m2'])
    await client.remove(received[0]?.receiptHandle)
    expect(bodies(await client.receive(10))).toEqual(['g2-m1', 'g2-m2', 'g3-m1'])
  })

  test('a group goes on once all that was received of it is deleted', async () => {
    await send('g1-m1', 'g2-m1', 'g1-m2', 'g2-m2', 'g1-m3', 'g1-m4', 'g3-m1')
    for (const { receiptHandle } of await client.receive(2)) await client.remove(receiptHandle)
    // AWS gave the third group last; the order between groups is promised by neither.
    expect(bodies(await client.receive(10))).toEqual(['g2-m1', 'g2-m2', 'g3-m1', 'g1-m3', 'g1-m4'])
  })

  test('the messages of a group come together, then those of the next', async () => {
    await send('g1-m1', 'g2-m1', 'g1-m2', 'g1-m3')
    expect(bodies(await client.receive(10))).toEqual(['g1-m1', 'g1-m2', 'g1-m3', 'g2-m1'])
  })

  test('messages come in the same order again when their timeout ends', async () => {
    await useQueue({ VisibilityTimeout: '1' })
    await send('g1-m0', 'g1-m1', 'g1-m2')
    for (let receives = 0; receives < 2; receives++) {
      expect(bodies(await client.receive(10))).toEqual(['g1-m0', 'g1-m1', 'g1-m2'])
      await sqs.engine.clock.advance(2_000)
    }
  })

  test('while messages of a group are in flight others of it are not received', async () => {
    await useQueue({ VisibilityTimeout: '1' })
    await send('g1-m1', 'g1-m2', 'g1-m3', 'g1-m4', 'g2-m1', 'g3-m1')
    expect(bodies(await client.receive(2))).toEqual(['g1-m1', 'g1-m2'])
    await sqs.engine.clock.advance(100)
    expect(bodies(await client.receive(1))).toEqual(['g2-m1'])
    await sqs.engine.clock.advance(2_000)
    const all = ['g3-m1', 'g1-m1', 'g1-m2', 'g1-m3', 'g1-m4', 'g2-m1']
    expect(bodies(await client.receive(10, { visibilityTimeout: 0 }))).toEqual(all)
  })

  test('a receive with a timeout of zero holds its groups up for nobody', async () => {
    await send('g1-m1', 'g2-m1', 'g2-m2', 'g3-m1', 'g1-m2')
    expect(bodies(await client.receive(3, { visibilityTimeout: 0 }))).toEqual(['g1-m1', 'g1-m2', 'g2-m1'])
    const all = ['g3-m1', 'g1-m1', 'g1-m2', 'g2-m1', 'g2-m2']
    expect(bodies(await client.receive(10, { visibilityTimeout: 0 }))).toEqual(all)
  })

  test('what is sent to a group in flight is received when the messages before it are deleted', async () => {
    await useQueue({ VisibilityTimeout: '60' })
    const receiving = [1, 2, 3].map(() => client.receive(1, { waitTime: 10 }))
    await send('g1-m1')
    await sqs.engine.clock.advance(1_000)
    const first = await Promise.race(receiving)
    expect(bodies(first)).toEqual(['g1-m1'])
    await send('g1-m2')
    await sqs.engine.clock.advance(2_000)
    await client.remove(first[0]?.receiptHandle)
    await sqs.engine.clock.advance(10_000)
    expect(bodies((await Promise.all(receiving)).flat())).toEqual(['g1-m1', 'g1-m2'])
  })
})

test('a message of a batch is deleted though an earlier one, whose timeout ended, was received by another consumer', async () => {
  const sqs = sqsHarness()
  const QueueUrl = await sqs.queue('orders.fifo', { FifoQueue: 'true', VisibilityTimeout: '1' })
  const client = jsonClient(sqs, QueueUrl)
  for (const body of ['1', '2', '3']) await client.send('g', body)
  const [one, two] = await client.receive(2)
  await client.changeVisibility(two?.receiptHandle, 60)
  await sqs.engine.clock.advance(1_000)
  const [again] = await client.receive(10, { visibilityTimeout: 60 })
  expect(again?.body).toBe('1')
  const expired = {
    shape: 'InvalidParameterValueException',
    message: `Value ${one?.receiptHandle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
  }
  const late = { QueueUrl, ReceiptHandle: one?.receiptHandle }
  expect(failureOf(await sqs.json('DeleteMessage', late))).toMatchObject(expired)
  expect(failureOf(await sqs.json('ChangeMessageVisibility', { ...late, VisibilityTimeout: 60 }))).toMatchObject(
    expired,
  )
  await client.remove(two?.receiptHandle)
  expect(await client.receive(10)).toEqual([])
  await client.remove(again?.receiptHandle)
  expect(bodies(await client.receive(10))).toEqual(['3'])
})
