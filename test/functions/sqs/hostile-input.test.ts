import { expect, test } from 'vitest'
import { failureOf, sqsHarness } from './harness.ts'

const sendWith = async (attribute: object) => {
  const sqs = sqsHarness()
  const QueueUrl = await sqs.queue('orders')
  return sqs.json('SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes: { n: attribute } })
}

test.each([`${'1'.repeat(200_000)}x`, '1'.repeat(39), '1e126', '1e-129', '.'])(
  'a number that SQS does not take is refused: %.20s',
  async (StringValue) => {
    expect(failureOf(await sendWith({ DataType: 'Number', StringValue }))).toMatchObject({ status: 400 })
  },
)

test.each(['1'.repeat(38), '9e125', '1e-128', '-0.50', '1.', '.5', '0'])(
  'a number is taken: %s',
  async (StringValue) => {
    expect((await sendWith({ DataType: 'Number', StringValue })).status).toBe(200)
  },
)

test('an attribute has one value', async () => {
  const both = { DataType: 'String', StringValue: 'x', BinaryValue: 'eA==' }
  expect(failureOf(await sendWith(both)).message).toContain('not both')
})

test.each(['{"toString":1,"valueOf":1}', '['.repeat(100_000)])(
  'a redrive policy with a strange number of receives is refused: %.30s',
  async (count) => {
    const RedrivePolicy = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":${count}}`
    const sqs = sqsHarness()
    const created = await sqs.json('CreateQueue', { QueueName: 'orders', Attributes: { RedrivePolicy } })
    expect(created.status).toBe(400)
  },
)

test('a deployment makes no queue URL of what callers claim was forwarded', async () => {
  const sqs = sqsHarness({ forwarded: false })
  const headers = { 'x-forwarded-host': 'evil.example' }
  const { body } = await sqs.json('CreateQueue', { QueueName: 'orders' }, { headers })
  expect(body.QueueUrl).toBe('http://localhost:9324/000000000000/orders')
})
