import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import cdk from '../../cdk.json' with { type: 'json' }
import { HoldfastStack } from '../../infra/holdfast-stack.ts'
import { type Deployment, deploy, type GatewayAnswer, templateIn } from '../support/deployment.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../support/embedded.ts'
import { startReceiver } from '../support/receiver.ts'
import { sqsClient } from '../support/sqs-through-gateway.ts'
import { functionOf, type TemplateView, viewOf } from '../support/template.ts'

/**
 * https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html: what is loaded at a cold start is waited for. The largest bundle, that
 * of the dispatcher, has 63 KB of schemas and errors of the client of Lambda.
 */
const BUNDLE_BYTES = 505_000

/** Builds every bundle; generous, for machines with much else to do. */
const SYNTHESIS_MS = 300_000

const directory = mkdtempSync(join(tmpdir(), 'holdfast-synth-'))
let view: TemplateView

const KEY = { accessKeyId: 'AKHOLDFAST', secretAccessKey: 'a-secret-of-the-shop-only' }

beforeAll(() => {
  const app = new App({ outdir: directory, context: cdk.context, builtinCloudFormationValidation: false })
  const stack = new HoldfastStack(app, 'Holdfast')
  stack.service.addQueue('declared', { settings: { visibilityTimeoutSeconds: 60 } })
  app.synth()
  view = viewOf(Template.fromJSON(templateIn(directory, 'Holdfast')))
}, SYNTHESIS_MS)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const bundles = () =>
  view.ofType('AWS::Lambda::Function').map(([id, { Code }]) => ({
    name: functionOf(id),
    file: join(directory, `asset.${String(Code.S3Key).replace('.zip', '')}`, 'index.mjs'),
  }))

describe('the bundles', () => {
  test('are under 505 KB each', () => {
    const tooLarge = bundles().filter(({ file }) => statSync(file).size > BUNDLE_BYTES)
    expect(tooLarge.map(({ name, file }) => `${name}: ${statSync(file).size}`)).toEqual([])
  })

  test('hold each its own function, with all it needs but what Node has', () => {
    expect(new Set(bundles().map(({ file }) => readFileSync(file, 'utf8'))).size).toBe(bundles().length - 1)
    for (const { file } of bundles()) {
      const imported = [...readFileSync(file, 'utf8').matchAll(/(?:^|[;}])import[^'"();]*?from\s*["']([^"']+)["']/g)]
      expect(
        imported
          .map(([, name = '']) => name.replace(/^node:/, ''))
          .filter((name) => /[@/]/.test(name) && !/^(fs|stream|timers|util)\//.test(name)),
      ).toEqual([])
    }
  })
})

/** Behind IAM, a queue says itself from which others messages may be moved into it. */
const ALL = { permission: 'allowAll' }

/** The template with these of a role's actions on the table taken away. */
const withoutActions = (from: TemplateView, actions: Readonly<Record<string, readonly string[]>>): TemplateView => {
  const json = structuredClone(from.template.toJSON())
  for (const [id, { Type, Properties }] of Object.entries(json.Resources as Record<string, CfnResourceJson>)) {
    const lost = Type === 'AWS::IAM::Role' ? (actions[functionOf(id)] ?? []) : []
    for (const statement of Properties.Policies?.[0].PolicyDocument.Statement ?? []) {
      const kept = [statement.Action]
        .flat()
        .filter((action: string) => !lost.some((one) => action === `dynamodb:${one}`))
      statement.Action = kept
    }
  }
  return viewOf(Template.fromJSON(json))
}
// biome-ignore lint/suspicious/noExplicitAny: properties are as various as AWS.
type CfnResourceJson = { readonly Type: string; readonly Properties: Record<string, any> }

describe.skipIf(noEmbedded())('the synthesized template, run', () => {
  let embedded: EmbeddedTable
  let deployment: Deployment

  beforeAll(async () => {
    embedded = await embeddedTable()
    deployment = await deploy({
      view,
      directory,
      endpoint: embedded.endpoint,
      table: embedded.table,
      secret: () => JSON.stringify({ keys: [KEY] }),
    })
  })
  afterAll(async () => {
    await deployment?.stop()
    embedded?.close()
  })

  afterEach(() => expect(deployment.gate.takeRefusals()).toEqual([]))

  const call = (method: string, path: string, body?: unknown): Promise<GatewayAnswer> =>
    deployment.request({ method, path, ...(body !== undefined && { body }) })
  const pollAll = async (queue: string) =>
    (await call('POST', `/queues/${queue}/poll`, { maxMessages: 10 })).body.messages as {
      receiptHandle: string
      body: unknown
    }[]

  /** Waits as long as a poller may trust what it saw: that another function gave a message back, it learns by looking. */
  const pollAgain = async (queue: string) =>
    (await call('POST', `/queues/${queue}/poll`, { maxMessages: 10, waitTimeSeconds: 4 })).body.messages

  test('creates a queue, publishes, polls and acks, and then is empty', async () => {
    expect(await call('PUT', '/queues/orders', {})).toMatchObject({ function: 'queues', status: 201 })
    const published = await call('POST', '/queues/orders/messages', {
      messages: [{ body: 'first' }, { body: { order: 2 } }],
    })
    expect(published).toMatchObject({ function: 'publish', status: 201, body: { messages: [{}, {}] } })
    const polled = await call('POST', '/queues/orders/poll', { maxMessages: 10 })
    expect(polled).toMatchObject({
      function: 'poll',
      status: 200,
      body: { messages: [{ body: 'first', receiveCount: 1 }, { body: { order: 2 } }] },
    })
    const receiptHandles = polled.body.messages.map(({ receiptHandle }: { receiptHandle: string }) => receiptHandle)
    expect(await call('POST', '/queues/orders/ack', { receiptHandles })).toMatchObject({
      function: 'ack',
      status: 200,
      body: { results: [{ ok: true }, { ok: true }] },
    })
    expect(await call('POST', '/queues/orders/poll', {})).toMatchObject({ status: 200, body: { messages: [] } })
  })

  test('extends, nacks, dead-letters and redrives, with the rights that each role has', async () => {
    await call('PUT', '/queues/failed', { redriveAllowPolicy: ALL })
    await call('PUT', '/queues/work', { deadLetter: { queue: 'failed', maxReceives: 1 } })
    const bodies = Array.from({ length: 3 }, (_, index) => ({ body: `job ${index}` }))
    for (const message of bodies) await call('POST', '/queues/work/messages', { messages: [message] })
    await call('POST', '/queues/work/messages', { messages: [{ body: 'x'.repeat(30_000) }] })
    const receiptHandles = (await pollAll('work')).map(({ receiptHandle }) => receiptHandle)
    expect(receiptHandles).toHaveLength(4)
    const ok = { status: 200, body: { results: receiptHandles.map(() => ({ ok: true })) } }
    expect(await call('POST', '/queues/work/extend', { receiptHandles, visibilityTimeoutSeconds: 60 })).toMatchObject(
      ok,
    )
    expect(await call('POST', '/queues/work/nack', { receiptHandles, delaySeconds: 0 })).toMatchObject(ok)
    expect(await pollAgain('work')).toEqual([])

    expect((await call('GET', '/queues/failed/messages')).body.messages).toHaveLength(4)
    const started = await call('POST', '/queues/failed/redrive', {})
    expect(started).toMatchObject({ function: 'redrive', status: 202 })
    await deployment.runAsked()
    expect(await call('GET', `/queues/failed/redrive/${started.body.taskId}`)).toMatchObject({
      body: { state: 'completed', moved: 4 },
    })
    expect(await call('GET', '/queues/failed/redrive')).toMatchObject({ body: { redrives: [{ state: 'completed' }] } })

    const undo = `/queues/failed/redrive/${started.body.taskId}/undo`
    expect(await call('GET', undo)).toMatchObject({
      function: 'redrive',
      body: { returning: 4, received: 0, gone: 0, complete: true, queues: ['work'] },
    })
    const undone = await call('POST', undo, {})
    expect(undone).toMatchObject({ function: 'redrive', status: 202 })
    await deployment.runAsked()
    expect(await call('GET', `/queues/failed/redrive/${undone.body.taskId}`)).toMatchObject({
      body: { state: 'completed', moved: 4, gone: 0 },
    })
    expect((await call('GET', '/queues/failed/messages')).body.messages).toHaveLength(4)
    await call('POST', '/queues/failed/redrive', {})
    await deployment.runAsked()

    const again = await pollAll('work')
    expect(again).toHaveLength(4)
    const [rejected] = again
    expect(
      await call('POST', '/queues/work/nack', {
        receiptHandles: [rejected?.receiptHandle],
        deadLetter: true,
        error: 'no such job',
      }),
    ).toMatchObject({ function: 'poll', status: 200, body: { results: [{ ok: true }] } })
    expect((await call('GET', '/queues/failed/messages')).body.messages).toMatchObject([
      { deadLetter: { reason: 'no such job' } },
    ])
    const back = again.slice(1)
    const acked = await call('POST', '/queues/work/ack', {
      receiptHandles: back.map(({ receiptHandle }) => receiptHandle),
    })
    expect(acked).toMatchObject({ status: 200, body: { results: back.map(() => ({ ok: true })) } })
  })

  test('looks at, reschedules, cancels, purges and deletes, with the rights that each role has', async () => {
    await call('PUT', '/queues/plans', {})
    await call('PATCH', '/queues/plans', { delaySeconds: 5 })
    const { body } = await call('POST', '/queues/plans/messages', {
      messages: [
        { body: 'a', delaySeconds: 600 },
        { body: 'b', delaySeconds: 700 },
        { body: 'c', delaySeconds: 800 },
      ],
    })
    const ids = body.messages.map(({ messageId }: { messageId: string }) => messageId)
    const at = (id: string) => `/queues/plans/messages/${id}`
    expect(await call('GET', at(ids[0]))).toMatchObject({
      function: 'messages',
      status: 200,
      body: { state: 'delayed' },
    })
    expect(await call('PATCH', at(ids[0]), { delaySeconds: 900 })).toMatchObject({ status: 200 })
    expect(await call('PATCH', at(ids[1]), { delaySeconds: 0 })).toMatchObject({
      status: 200,
      body: { state: 'ready' },
    })
    expect(await call('DELETE', at(ids[2]))).toMatchObject({ status: 204 })
    expect(await call('DELETE', at(ids[1]))).toMatchObject({ status: 204 })
    expect(await call('GET', '/queues/plans')).toMatchObject({ function: 'queues', status: 200 })
    expect(await call('POST', '/queues/plans/purge', {})).toMatchObject({ status: 204 })
    expect((await call('GET', '/queues?prefix=pl')).body.queues).toHaveLength(1)
    for (const query of ['', '?queue=plans']) {
      expect(await call('GET', `/triggers${query}`)).toMatchObject({ function: 'queues', status: 200 })
    }
    // A queue with a layout: its deletion, the creation of the next one and the deletion of that one write the layout too.
    await call('POST', '/queues/plans/messages', { messages: [{ body: 'd', groupId: 'g' }] })
    expect(await call('DELETE', '/queues/plans')).toMatchObject({ status: 204 })
    expect(await call('PUT', '/queues/plans', {})).toMatchObject({ status: 201 })
    expect(await call('DELETE', '/queues/plans')).toMatchObject({ status: 204 })
  })

  test('keeps results and failures, waits for them, and sends failed messages again, with the rights that each role has', async () => {
    await call('PUT', '/queues/quotes', { results: { retentionSeconds: 600 } })
    // Too large for the header, so that its body is read where it is kept with the failure.
    const large = Array.from({ length: 2_000 }, (_, n) => ((n * 2_654_435_761) % 2 ** 32).toString(36)).join('')
    const { body } = await call('POST', '/queues/quotes/messages', { messages: [{ body: 'a' }, { body: large }] })
    const [good, bad] = body.messages.map(({ messageId }: { messageId: string }) => messageId) as [string, string]
    const at = (id: string) => `/queues/quotes/messages/${id}`
    const receiptHandles = (await call('POST', '/queues/quotes/poll', { maxMessages: 2 })).body.messages.map(
      ({ receiptHandle }: { receiptHandle: string }) => receiptHandle,
    )
    const failure = { name: 'Declined', message: 'no' }
    expect(
      await call('POST', '/queues/quotes/ack', { receiptHandles, results: [{ result: 7 }, { failure }] }),
    ).toMatchObject({ function: 'ack', status: 200, body: { results: [{ ok: true }, { ok: true }] } })
    expect(await call('GET', `${at(good)}/result?waitTimeSeconds=1`)).toMatchObject({
      function: 'results',
      status: 200,
      body: { status: { state: 'done' }, result: 7 },
    })
    expect(await call('GET', `${at(bad)}/result`)).toMatchObject({ body: { status: { state: 'failed' }, failure } })
    expect(await call('GET', at(good))).toMatchObject({ function: 'messages', body: { status: { state: 'done' } } })
    expect(await call('POST', `${at(bad)}/resend`, {})).toMatchObject({ status: 200, body: { body: large } })
    expect(await call('DELETE', at(bad))).toMatchObject({ status: 204 })
    expect(await call('GET', `${at(bad)}/result`)).toMatchObject({ body: { status: { state: 'cancelled' } } })
    // What came before results were kept is looked for in the dead-letter queue.
    await call('PUT', '/queues/quotes-failed', { redriveAllowPolicy: ALL })
    await call('PUT', '/queues/older', { deadLetter: { queue: 'quotes-failed', maxReceives: 3 } })
    const old = (await call('POST', '/queues/older/messages', { messages: [{ body: 'b' }] })).body.messages[0].messageId
    const [{ receiptHandle }] = (await call('POST', '/queues/older/poll', {})).body.messages
    await call('POST', '/queues/older/nack', { receiptHandles: [receiptHandle], deadLetter: true, error: 'no' })
    await call('PATCH', '/queues/older', { results: { retentionSeconds: 600 } })
    expect(await call('GET', `/queues/older/messages/${old}/result`)).toMatchObject({
      body: { status: { state: 'deadLettered', queue: 'quotes-failed', reason: 'no' } },
    })
  })

  test('purges a FIFO queue of what is in flight', async () => {
    const plans = '/queues/plans.fifo'
    await call('PUT', plans, {})
    await call('POST', `${plans}/messages`, { messages: [{ body: 'a', groupId: 'g', deduplicationId: '1' }] })
    expect((await call('POST', `${plans}/poll`, {})).body.messages).toHaveLength(1)
    expect(await call('POST', `${plans}/purge`, {})).toMatchObject({ function: 'queues', status: 204 })
  })

  test('moves nothing into a queue whose policy does not allow it, and lets no other route write to it', async () => {
    await call('PUT', '/queues/theirs', {})
    await call('PUT', '/queues/mine-failed', { redriveAllowPolicy: ALL })
    const stolen = { deadLetter: { queue: 'theirs', maxReceives: 1 } }
    expect(await call('PUT', '/queues/mine', stolen)).toMatchObject({ status: 403, body: { code: 'MoveRefused' } })
    await call('PUT', '/queues/mine', { deadLetter: { queue: 'mine-failed', maxReceives: 1 } })
    expect(await call('PATCH', '/queues/mine', stolen)).toMatchObject({ status: 403 })
    expect(await call('POST', '/queues/mine-failed/redrive', { destination: 'theirs' })).toMatchObject({ status: 403 })
    expect(await call('DELETE', '/queues/mine-failed')).toMatchObject({ status: 409 })
    expect(await call('DELETE', '/queues/mine-failed?force=true')).toMatchObject({ status: 204 })
    expect((await call('GET', '/queues?prefix=theirs&include=counts')).body.queues).toMatchObject([
      { name: 'theirs', counts: { ready: 0 } },
    ])
  })

  test('undoes a receive', async () => {
    await call('PUT', '/queues/undone', {})
    await call('POST', '/queues/undone/messages', { messages: [{ body: 'again' }] })
    const receiptHandles = (await pollAll('undone')).map(({ receiptHandle }) => receiptHandle)
    expect(await call('POST', '/queues/undone/unreceive', { receiptHandles })).toMatchObject({
      function: 'ack',
      status: 200,
      body: { results: [{ ok: true }] },
    })
    expect(await pollAgain('undone')).toMatchObject([{ body: 'again', receiveCount: 1 }])
  })

  test('starts and cancels a redrive', async () => {
    await call('PUT', '/queues/lost', { redriveAllowPolicy: ALL })
    await call('PUT', '/queues/losing', { deadLetter: { queue: 'lost', maxReceives: 1 } })
    await call('PATCH', '/queues/orders', {
      redriveAllowPolicy: { permission: 'byQueue', sourceQueues: ['lost', 'mixed'] },
    })
    await call('POST', '/queues/lost/messages', { messages: [{ body: 'lost' }] })
    const started = await call('POST', '/queues/lost/redrive', { destination: 'orders' })
    expect(await call('DELETE', `/queues/lost/redrive/${started.body.taskId}`)).toMatchObject({ status: 200 })
    await deployment.runAsked()
    await deployment.invoke('redriveRun', { holdfast: 'continue-redrives' })
    expect(await call('GET', `/queues/lost/redrive/${started.body.taskId}`)).toMatchObject({
      body: { state: 'cancelled', moved: 0 },
    })
  })

  test('keeps the order of groups and refuses doubles, through dead-letter queue and redrive', async () => {
    const inGroup = (body: string) => ({ body, groupId: 'g' })
    await call('PUT', '/queues/failed.fifo', { redriveAllowPolicy: ALL })
    await call('PUT', '/queues/steps.fifo', {
      fifo: { contentBasedDeduplication: true },
      deadLetter: { queue: 'failed.fifo', maxReceives: 1 },
    })
    const large = randomBytes(30_000).toString('hex')
    await call('POST', '/queues/steps.fifo/messages', { messages: [inGroup('one'), inGroup('two')] })
    await call('POST', '/queues/steps.fifo/messages', { messages: [inGroup('one'), inGroup(large)] })
    const take = async (queue: string, maxMessages = 10, attemptId?: string) =>
      (await call('POST', `/queues/${queue}/poll`, { maxMessages, ...(attemptId !== undefined && { attemptId }) })).body
        .messages as { receiptHandle: string; body: unknown }[]
    const handles = (messages: { receiptHandle: string }[]) => messages.map(({ receiptHandle }) => receiptHandle)
    const first = await take('steps.fifo', 1, 'attempt')
    expect(handles(await take('steps.fifo', 1, 'attempt'))).toEqual(handles(first))
    await call('POST', '/queues/steps.fifo/extend', { receiptHandles: handles(first), visibilityTimeoutSeconds: 60 })
    await call('POST', '/queues/steps.fifo/ack', { receiptHandles: handles(first) })
    const rest = await take('steps.fifo')
    expect(rest.map(({ body }) => body)).toEqual(['two', large])
    await call('POST', '/queues/steps.fifo/nack', { receiptHandles: handles(rest), delaySeconds: 0 })
    expect(await pollAgain('steps.fifo')).toEqual([])
    await call('POST', '/queues/failed.fifo/redrive', {})
    await deployment.runAsked()
    const back = await take('steps.fifo')
    expect(back.map(({ body }) => body)).toEqual(['two', large])
    await call('POST', '/queues/steps.fifo/ack', { receiptHandles: handles(back) })
    expect(await take('steps.fifo')).toEqual([])
    await deployment.invoke('monitor', {})
    await call('GET', '/queues/steps.fifo')
  })

  test('is fair between groups, and unique while pending, on standard queues', async () => {
    await call('PUT', '/queues/fair', { deduplicationMode: 'pending', maxInFlightPerGroup: 1 })
    const send = (body: string, groupId: string) =>
      call('POST', '/queues/fair/messages', { messages: [{ body, groupId, deduplicationId: body }] })
    for (const body of ['a', 'b', 'a']) await send(body, 'g')
    await send('c', 'h')
    const polled = await pollAll('fair')
    expect(polled.map(({ body }) => body).sort()).toEqual(['a', 'c'])
    await call('POST', '/queues/fair/ack', { receiptHandles: polled.map(({ receiptHandle }) => receiptHandle) })
    const [{ messageId } = { messageId: '' }] = (await call('GET', '/queues/fair/messages')).body.messages
    expect(await call('PATCH', `/queues/fair/messages/${messageId}`, { delaySeconds: 30 })).toMatchObject({
      status: 200,
    })
    expect(await call('DELETE', `/queues/fair/messages/${messageId}`)).toMatchObject({ status: 204 })
    expect(await send('a', 'g')).toMatchObject({ status: 201 })
  })

  test('moves a part of what was published together', async () => {
    await call('PUT', '/queues/mixed', { redriveAllowPolicy: ALL })
    await call('PUT', '/queues/mixing', { deadLetter: { queue: 'mixed', maxReceives: 1 } })
    await call('POST', '/queues/mixed/messages', { messages: [{ body: 'stays' }, { body: 'goes' }] })
    await call('POST', '/queues/mixed/redrive', { destination: 'orders', filter: { bodyContains: 'goes' } })
    await deployment.runAsked()
    expect((await pollAll('mixed')).map(({ body }) => body)).toEqual(['stays'])
  })

  test('creates and deletes the queues that a stack declares, and answers CloudFormation', async () => {
    const told: unknown[] = []
    const receiver = await startReceiver((body) => told.push(JSON.parse(body)))
    const request = { ResponseURL: receiver.url, StackId: 'stack', RequestId: 'one', LogicalResourceId: 'Queue' }
    const ResourceProperties = view.one('Custom::HoldfastQueue')
    await deployment.invoke('declare', { ...request, RequestType: 'Create', ResourceProperties })
    expect(await call('GET', '/queues/declared')).toMatchObject({ status: 200, body: { visibilityTimeoutSeconds: 60 } })
    const deletion = { RequestType: 'Delete', PhysicalResourceId: 'declared', ResourceProperties }
    await deployment.invoke('declare', { ...request, ...deletion })
    expect((await call('GET', '/queues?prefix=declared')).body.queues).toEqual([])
    await receiver.stop()
    const outcome = { Status: 'SUCCESS', PhysicalResourceId: 'declared' }
    const { ResponseURL: _, ...echoed } = request
    expect(told).toEqual([
      { ...outcome, ...echoed },
      { ...outcome, ...echoed },
    ])
  })

  test('measures its queues', async () => {
    await call('PUT', '/queues/measured', {})
    await call('POST', '/queues/measured/messages', { messages: [{ body: 'secret of the shop' }] })
    await deployment.invoke('monitor', {})
    const lines = deployment
      .output()
      .split('\n')
      .filter((line) => line.includes('MessagesReady'))
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ queue: 'measured', service: 'holdfast', MessagesReady: 1 }),
    )
  })

  test('answers SQS clients that hold a key, and no one else', async () => {
    const { client, call: send } = sqsClient(deployment, KEY)
    await call('PUT', '/queues/shared', {})
    const { QueueUrl } = await send(new GetQueueUrlCommand({ QueueName: 'shared' }))
    expect(QueueUrl).toBe('https://test.execute-api.us-east-1.amazonaws.com/111122223333/shared')
    await send(new SendMessageCommand({ QueueUrl, MessageBody: 'alone' }))
    const { Messages: [alone] = [] } = await send(new ReceiveMessageCommand({ QueueUrl }))
    expect(alone?.Body).toBe('alone')
    await send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: alone?.ReceiptHandle }))
    const large = randomBytes(30_000).toString('hex')
    for (const MessageBody of ['a', 'b', large]) await send(new SendMessageCommand({ QueueUrl, MessageBody }))
    const { Messages = [] } = await send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    expect(Messages.map(({ Body }) => Body).sort()).toEqual(['a', 'b', large].sort())
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }))
    expect((await send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))).Successful).toHaveLength(3)
    expect(await pollAll('shared')).toEqual([])

    await call('PUT', '/queues/shared-failed', { redriveAllowPolicy: ALL })
    await call('PATCH', '/queues/shared', { deadLetter: { queue: 'shared-failed', maxReceives: 1 } })
    await send(new SendMessageCommand({ QueueUrl, MessageBody: 'poison' }))
    const receive = () => send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }))
    // Instances of the function know a queue's settings for some seconds: it may be received a few times before.
    for (let { Messages: found } = await receive(); found; ) ({ Messages: found } = await receive())
    expect((await pollAll('shared-failed')).map(({ body }) => body)).toEqual(['poison'])
    client.destroy()

    const stranger = sqsClient(deployment, { ...KEY, accessKeyId: 'STRANGER' })
    await expect(stranger.call(new GetQueueUrlCommand({ QueueName: 'shared' }))).rejects.toThrow()
    stranger.client.destroy()
    const unsigned = { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' }
    expect(await deployment.request({ method: 'POST', path: '/', headers: unsigned, body: {} })).toMatchObject({
      function: 'sqs',
      status: 403,
    })
  })

  test('uses what each role grants', () => {
    const unused = view.ofType('AWS::IAM::Role').map(([id, role]) => {
      const name = functionOf(id)
      const granted: string[] = role.Policies[0].PolicyDocument.Statement.flatMap(
        ({ Action }: { Action: string[] }) => Action,
      )
      const used = deployment.gate.usedBy(name)
      const rest = granted
        .filter((action) => action.startsWith('dynamodb:') && !used.has(action.slice('dynamodb:'.length)))
        .map((action) => action.slice('dynamodb:'.length))
      return [name, rest] as const
    })
    expect(Object.fromEntries(unused.filter(([, rest]) => rest.length > 0))).toEqual({
      // Takes back a header whose body could not be written, which no one can bring about here.
      publish: ['DeleteItem'],
    })
  })

  test('answers for a right that its own role lacks as an error of its own, logs it and counts it', async () => {
    const lacking = await deploy({
      view: withoutActions(view, { publish: ['PutItem'], poll: ['Query'], sqs: ['PutItem'], monitor: ['Query'] }),
      directory,
      endpoint: embedded.endpoint,
      table: embedded.table,
      secret: () => JSON.stringify({ keys: [KEY] }),
    })
    try {
      await call('PUT', '/queues/barred', {})
      const messages = [{ body: 'a' }]
      const answers = [
        await lacking.request({ method: 'POST', path: '/queues/barred/messages', body: { messages } }),
        await lacking.request({ method: 'POST', path: '/queues/barred/poll', body: {} }),
      ]
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 500, body: { code: 'Internal', retryable: false } })
        expect(answer.text).not.toMatch(new RegExp(`${embedded.table}|publish|poll|dynamodb|authorized`, 'i'))
      }
      const { client, call: send } = sqsClient(lacking, KEY)
      const QueueUrl = 'https://test.execute-api.us-east-1.amazonaws.com/111122223333/barred'
      const error = await send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' })).catch((reason) => reason)
      expect(error).toMatchObject({ name: 'InternalFailure', $metadata: { httpStatusCode: 500 } })
      expect(error.message).toBe('The request processing has failed because of an unknown error.')
      client.destroy()
      await expect(lacking.invoke('monitor', {})).rejects.toThrow('monitor')

      const lines = lacking
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
      const errors = lines.filter(({ level, message }) => level === 'ERROR' && message.includes('lacks a right'))
      expect(errors.map(({ operation }) => operation).sort()).toEqual(['headers', 'insert', 'insert', 'listDocuments'])
      expect(JSON.stringify(errors)).toContain('is not authorized to perform: dynamodb:PutItem')
      const counted = lines.filter(({ RightsMissing }) => RightsMissing === 1)
      expect(counted).toHaveLength(errors.length)
      for (const line of counted) {
        expect([line.service, line._aws.CloudWatchMetrics[0]]).toMatchObject([
          'holdfast',
          { Namespace: 'Holdfast', Dimensions: [['service']] },
        ])
      }
    } finally {
      await lacking.stop()
    }
  })

  test('prints no message bodies', () => {
    expect(deployment.output()).not.toContain('secret of the shop')
  })
})
