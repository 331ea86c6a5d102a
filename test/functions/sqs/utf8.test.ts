import { describe, expect, test } from 'vitest'
import { counts } from '../../../lib/queues/counts.ts'
import { BASE, failureOf, type SqsHarness, sqsHarness } from './harness.ts'

const BROKEN = ['80', 'c3', 'c0af', 'eda080', 'f4908080', 'ff']

/** The text with `%%` in it as these bytes. */
const withBytes = (text: string, hex: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    Buffer.concat(
      text.split('%%').flatMap((part, index) => [...(index ? [Buffer.from(hex, 'hex')] : []), Buffer.from(part)]),
    ),
  )

const json = async (sqs: SqsHarness, action: string, body: Uint8Array<ArrayBuffer>) => {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` }
  const response = await sqs.fetch(new Request(`${BASE}/`, { method: 'POST', headers, body }))
  return failureOf({ status: response.status, headers: response.headers, body: await response.json() })
}

const REFUSED = {
  status: 400,
  shape: 'InvalidMessageContents',
  code: 'InvalidMessageContents;Sender',
  message: expect.stringContaining('not UTF-8'),
}

describe('bytes that are not UTF-8 are refused, and nothing is stored', () => {
  test.each([
    ['a body', 'SendMessage', '"MessageBody":"a%%"'],
    ['a group', 'SendMessage', '"MessageBody":"a","MessageGroupId":"g%%"'],
    ['a deduplication id', 'SendMessage', '"MessageBody":"a","MessageDeduplicationId":"g%%"'],
    [
      "an attribute's value",
      'SendMessage',
      '"MessageBody":"a","MessageAttributes":{"a":{"DataType":"String","StringValue":"%%"}}',
    ],
    [
      "an attribute's name",
      'SendMessage',
      '"MessageBody":"a","MessageAttributes":{"%%":{"DataType":"String","StringValue":"a"}}',
    ],
    ['an entry of a batch', 'SendMessageBatch', '"Entries":[{"Id":"1","MessageBody":"%%"}]'],
    ["a tag's value", 'TagQueue', '"Tags":{"a":"%%"}'],
    ["a tag's key", 'TagQueue', '"Tags":{"%%":"a"}'],
    ['an attribute of a queue', 'SetQueueAttributes', '"Attributes":{"Policy":"%%"}'],
  ])('in JSON: %s', async (_place, action, members) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    for (const hex of BROKEN) {
      expect(await json(sqs, action, withBytes(`{"QueueUrl":"${QueueUrl}",${members}}`, hex))).toEqual(REFUSED)
    }
    expect(await counts(sqs.engine, 'orders')).toMatchObject({ ready: 0 })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({})
  })

  test.each([
    ['as bytes in the form', (hex: string) => ({ body: withBytes('Action=SendMessage&MessageBody=a%%', hex) })],
    ['percent-encoded in the form', (hex: string) => ({ body: `Action=SendMessage&MessageBody=a${percent(hex)}` })],
    ['in the name of a parameter', (hex: string) => ({ body: `Action=SendMessage&MessageBody=a&${percent(hex)}=1` })],
    [
      'in the value of an attribute',
      (hex: string) => ({
        body: `Action=SendMessage&MessageBody=a&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=${percent(hex)}`,
      }),
    ],
    ['in a tag', (hex: string) => ({ body: `Action=TagQueue&Tag.1.Key=a&Tag.1.Value=${percent(hex)}` })],
    ['in the URL', (hex: string) => ({ search: `?Action=SendMessage&MessageBody=a${percent(hex)}` })],
  ])('in the query protocol: %s', async (_place, sent) => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    for (const hex of BROKEN) {
      const { body, search = '' } = sent(hex) as { body?: string | Uint8Array<ArrayBuffer>; search?: string }
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const request = new Request(QueueUrl + search, body === undefined ? {} : { method: 'POST', headers, body })
      const response = await sqs.fetch(request)
      expect(response.status).toBe(400)
      expect(await response.text()).toContain('<Code>InvalidMessageContents</Code>')
    }
    expect(await counts(sqs.engine, 'orders')).toMatchObject({ ready: 0 })
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({})
  })

  test('but not what UTF-8 has, encoded or not', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    for (const MessageBody of ['%C3%A4%F0%9F%98%80', 'ä\u{1f600}', '%EF%BF%BD', '%zz%']) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const body = `Action=SendMessage&MessageBody=${MessageBody}`
      expect((await sqs.fetch(new Request(QueueUrl, { method: 'POST', headers, body }))).status).toBe(200)
    }
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
    expect(body.Messages.map(({ Body }: { Body: string }) => Body)).toEqual([
      'ä\u{1f600}',
      'ä\u{1f600}',
      '\ufffd',
      '%zz%',
    ])
  })

  test('in the way of a lone surrogate, in whatever a queue keeps', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const Policy = JSON.stringify({
      Statement: [{ Sid: 'x', Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage' }],
    }).replace('"x"', '"\ud800"')
    expect((await sqs.json('SetQueueAttributes', { QueueUrl, Attributes: { Policy } })).status).toBe(400)
    expect((await sqs.json('TagQueue', { QueueUrl, Tags: { a: '\ud800' } })).status).toBe(400)
  })

  test('in the trace header of a request, by leaving it out', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const headers = { 'x-amzn-trace-id': 'Root=1;Parent=\xff' }
    await sqs.json('SendMessage', { QueueUrl, MessageBody: 'a' }, { headers })
    const { body } = await sqs.json('ReceiveMessage', { QueueUrl, AttributeNames: ['All'] })
    expect(body.Messages[0].Attributes).not.toHaveProperty('AWSTraceHeader')
  })
})

const percent = (hex: string): string => hex.replaceAll(/../g, '%$&')
