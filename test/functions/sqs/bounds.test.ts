import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../../functions/sqs/sigv4.ts'
import { sigv4Authenticator } from '../../../functions/sqs/sigv4.ts'
import { testEngine } from '../../support/test-engine.ts'
import { BASE, failureOf, sqsHarness } from './harness.ts'
import { KEY, presigned, signed } from './signing.ts'

const post = (body: string) =>
  new Request(`${BASE}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues' },
    body,
  })

/** An endpoint that notes whether it came to asking who sends. */
const counting = () => {
  let asked = 0
  const authenticate: Authenticator = async () => {
    asked++
    return { key: KEY, region: 'us-east-1' }
  }
  return { sqs: sqsHarness({ authenticate }), asked: () => asked }
}

describe('JSON beyond what any action needs is refused before anyone is asked who they are', () => {
  test.each([
    ['deeper than 50 levels', `{"x":${'['.repeat(50)}${']'.repeat(50)}}`],
    ['millions of brackets', '['.repeat(8_000_000)],
    ['millions of lists', `{"x":[${'[],'.repeat(2_600_000)}1]}`],
    ['more than 10,000 values', `{"x":[${'1,'.repeat(10_000)}1]}`],
    ['deep behind a string that has quotes', `{"a":"\\"[[\\\\","x":${'['.repeat(50)}`],
  ])('%s', async (_what, body) => {
    const { sqs, asked } = counting()
    const response = await sqs.fetch(post(body))
    const failure = failureOf({ status: response.status, headers: response.headers, body: await response.json() })
    expect(failure).toMatchObject({ status: 400, shape: 'SerializationException' })
    expect(asked()).toBe(0)
  })

  test.each([
    ['50 levels', `{"x":${'['.repeat(49)}${']'.repeat(49)}}`],
    ['brackets in a string', JSON.stringify({ QueueNamePrefix: `${'['.repeat(1_000)}\\"${','.repeat(20_000)}` })],
    ['a string after which no bracket is open', `{"x":"\\\\","y":[[]]}`],
  ])('but not %s', async (_what, body) => {
    const { sqs, asked } = counting()
    expect((await sqs.fetch(post(body))).status).toBe(200)
    expect(asked()).toBe(1)
  })
})

describe('a parameter given twice', () => {
  const guarded = () => {
    const engine = testEngine()
    const ring = { find: async () => KEY }
    return sqsHarness({ authenticate: sigv4Authenticator({ keys: ring, clock: engine.clock }) }, engine)
  }
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

  test.each([
    ['in the form', '', 'Action=ListQueues&Action=CreateQueue&QueueName=x'],
    ['once in the form and once in the URL', '?Action=CreateQueue', 'Action=ListQueues&QueueName=x'],
    ['for nothing', '?x=1&x=1', 'Action=ListQueues'],
  ])('is refused under a signature: %s', async (_where, search, body) => {
    const response = await guarded().fetch(await signed(`${BASE}/${search}`, { headers: FORM, body }))
    expect(response.status).toBe(400)
    expect(await response.text()).toMatch(/<Code>MalformedQueryString<.*is given twice/s)
  })

  test('is refused in a presigned URL, whatever comes first', async () => {
    const sqs = guarded()
    const url = await presigned(`${BASE}/?Action=ListQueues`)
    expect((await sqs.fetch(new Request(url))).status).toBe(200)
    for (const twice of [
      `${url}&Action=CreateQueue`,
      url.replace('?', '?Action=CreateQueue&'),
      `${url}&X-Amz-Date=1`,
    ]) {
      const response = await sqs.fetch(new Request(twice))
      expect(await response.text()).toContain('<Code>MalformedQueryString</Code>')
    }
  })

  test('is refused for requests of the JSON protocol too, whose URL is signed', async () => {
    const request = await signed(`${BASE}/?x=1&x=2`, {
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ListQueues' },
      body: '{}',
    })
    const response = await guarded().fetch(request)
    expect(await response.json()).toMatchObject({ __type: 'com.amazonaws.sqs#MalformedQueryString' })
  })

  test('counts as it was given first where nobody signs', async () => {
    const { xml } = await sqsHarness().query({}, { url: `${BASE}/?Action=ListQueues&Action=Nonsense` })
    expect(xml).toContain('<ListQueuesResponse')
  })

  test('can not hide behind another way to write its number', async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders')
    const { xml } = await sqs.query(
      { Action: 'TagQueue', 'Tag.1.Key': 'a', 'Tag.1.Value': 'first', 'Tag.01.Key': 'a', 'Tag.01.Value': 'second' },
      { url },
    )
    expect(xml).toContain('<TagQueueResponse')
    expect((await sqs.json('ListQueueTags', { QueueUrl: url })).body.Tags).toEqual({ a: 'first' })
  })
})
