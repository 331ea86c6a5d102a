import { describe, expect, test } from 'vitest'
import { BASE, failureOf, type SqsHarness, scopedTo, sqsHarness } from './harness.ts'

const ACCOUNT = '111122223333'
const elsewhere = { headers: scopedTo(ACCOUNT, 'eu-west-1') }
const home = { headers: scopedTo('anything', 'us-east-1') }

const sent = async (sqs: SqsHarness, QueueUrl: string, options: object) =>
  (await sqs.json('SendMessage', { QueueUrl, MessageBody: 'hello' }, options)).status

const received = async (sqs: SqsHarness, QueueUrl: string, options: object) =>
  ((await sqs.json('ReceiveMessage', { QueueUrl }, options)).body.Messages ?? []).map(
    ({ Body }: { Body: string }) => Body,
  )

describe('where accounts and regions share their queues', () => {
  test('a message that a client of one sends is received by a client of another, and by the HTTP API', async () => {
    const sqs = sqsHarness({ sharedScopes: true })
    const { QueueUrl } = (await sqs.json('CreateQueue', { QueueName: 'orders' }, elsewhere)).body
    expect(QueueUrl).toBe(`${BASE}/${ACCOUNT}/orders`)
    expect(await sent(sqs, QueueUrl, elsewhere)).toBe(200)
    const found = (await sqs.json('GetQueueUrl', { QueueName: 'orders' }, home)).body.QueueUrl
    expect(found).toBe(`${BASE}/000000000000/orders`)
    expect(await received(sqs, found, home)).toEqual(['hello'])
    expect((await sqs.engine.queues.get('orders')).name).toBe('orders')
  })

  test('each client sees the queues as its own', async () => {
    const sqs = sqsHarness({ sharedScopes: true })
    await sqs.json('CreateQueue', { QueueName: 'orders' }, home)
    expect((await sqs.json('ListQueues', {}, elsewhere)).body).toEqual({ QueueUrls: [`${BASE}/${ACCOUNT}/orders`] })
    const input = { QueueUrl: `${BASE}/${ACCOUNT}/orders`, AttributeNames: ['QueueArn'] }
    expect((await sqs.json('GetQueueAttributes', input, elsewhere)).body.Attributes).toEqual({
      QueueArn: `arn:aws:sqs:eu-west-1:${ACCOUNT}:orders`,
    })
    expect((await sqs.json('GetQueueAttributes', input, home)).body.Attributes).toEqual({
      QueueArn: 'arn:aws:sqs:us-east-1:000000000000:orders',
    })
  })

  test('an ARN of any account and region names the queue of that name', async () => {
    const sqs = sqsHarness({ sharedScopes: true })
    await sqs.json('CreateQueue', { QueueName: 'dead' }, home)
    const RedrivePolicy = JSON.stringify({
      deadLetterTargetArn: 'arn:aws:sqs:ap-south-1:999988887777:dead',
      maxReceiveCount: 1,
    })
    const allowed = {
      redrivePermission: 'byQueue',
      sourceQueueArns: ['arn:aws:sqs:sa-east-1:123456789012:orders'],
    }
    const dead = `${BASE}/000000000000/dead`
    const Attributes = { RedriveAllowPolicy: JSON.stringify(allowed) }
    expect((await sqs.json('SetQueueAttributes', { QueueUrl: dead, Attributes }, home)).status).toBe(200)
    const create = (QueueName: string) =>
      sqs.json('CreateQueue', { QueueName, Attributes: { RedrivePolicy } }, elsewhere)
    expect((await create('orders')).status).toBe(200)
    expect(failureOf(await create('others')).message).toContain('does not allow this queue as a source')
    const sources = await sqs.json('ListDeadLetterSourceQueues', { QueueUrl: dead }, elsewhere)
    expect(sources.body.queueUrls).toEqual([`${BASE}/${ACCOUNT}/orders`])
    const task = await sqs.json('StartMessageMoveTask', { SourceArn: `arn:aws:sqs:eu-west-1:${ACCOUNT}:dead` }, home)
    expect(task.status).toBe(200)
  })
})

describe('where they do not share', () => {
  test('a queue of one account and region is unknown in another', async () => {
    const sqs = sqsHarness()
    const { QueueUrl } = (await sqs.json('CreateQueue', { QueueName: 'orders' }, elsewhere)).body
    for (const scope of [home, { headers: scopedTo(ACCOUNT, 'us-east-1') }]) {
      expect(failureOf(await sqs.json('GetQueueUrl', { QueueName: 'orders' }, scope)).shape).toBe('QueueDoesNotExist')
      expect(await sent(sqs, QueueUrl, scope)).toBe(400)
    }
  })

  test('authenticated callers never do', async () => {
    const principal = (region: string, accountId: string) => ({
      key: { accessKeyId: 'HFKEY', secretAccessKey: 'x'.repeat(16), accountId },
      region,
    })
    const sqs = sqsHarness({
      sharedScopes: true,
      authenticate: async ({ header }) => principal(String(header('x-region')), String(header('x-account'))),
    })
    const as = (region: string, account: string) => ({ headers: { 'x-region': region, 'x-account': account } })
    await sqs.json('CreateQueue', { QueueName: 'orders' }, as('us-east-1', ACCOUNT))
    for (const other of [as('eu-west-1', ACCOUNT), as('us-east-1', '999988887777')]) {
      expect(failureOf(await sqs.json('GetQueueUrl', { QueueName: 'orders' }, other)).shape).toBe('QueueDoesNotExist')
    }
  })
})
