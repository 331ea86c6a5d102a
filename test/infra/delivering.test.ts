import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, Duration } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import cdk from '../../cdk.json' with { type: 'json' }
import { HoldfastEventSource } from '../../infra/event-source.ts'
import { HoldfastStack } from '../../infra/holdfast-stack.ts'
import { type Deployment, deploy, templateIn } from '../support/deployment.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../support/embedded.ts'
import { filtered, openStream, type TableStream } from '../support/table-stream.ts'
import { functionOf, someFunction, type TemplateView, viewOf } from '../support/template.ts'

const SYNTHESIS_MS = 300_000
const directory = mkdtempSync(join(tmpdir(), 'holdfast-delivering-'))
let view: TemplateView

/** Fails the messages that say so, and no others. */
const CONSUMER = `exports.handler = async ({ Records }) => ({
  batchItemFailures: Records.filter(({ body }) => body === 'bad').map(({ messageId }) => ({ itemIdentifier: messageId })),
})`

beforeAll(() => {
  const app = new App({ outdir: directory, context: cdk.context, builtinCloudFormationValidation: false })
  const stack = new HoldfastStack(app, 'Holdfast')
  const { service } = stack
  const code = Code.fromInline(CONSUMER)
  const failed = service.addQueue('orders-failed')
  const settings = { visibilityTimeoutSeconds: 1 }
  const orders = service.addQueue('orders', { settings, deadLetter: { queue: failed, maxReceives: 1 } })
  orders.addConsumer(someFunction(stack, 'Warehouse', { code, timeout: Duration.seconds(10) }), { batchSize: 50 })
  const steps = service.addQueue('steps.fifo', { settings })
  someFunction(stack, 'Stepper', { code }).addEventSource(new HoldfastEventSource(steps))
  service.addQueue('untouched')
  someFunction(stack, 'Stranger', { code })
  app.synth()
  view = viewOf(Template.fromJSON(templateIn(directory, 'Holdfast')))
}, SYNTHESIS_MS)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the functions that deliver are bundles under 505 KB', () => {
  const sizes = view
    .ofType('AWS::Lambda::Function')
    .filter(([id]) => /^Service(Wake|Dispatch)/.test(id))
    .map(([, { Code }]) => statSync(join(directory, `asset.${Code.S3Key.replace('.zip', '')}`, 'index.mjs')).size)
  expect(sizes).toHaveLength(2)
  for (const size of sizes) expect(size).toBeLessThan(505_000)
})

describe.skipIf(noEmbedded())('queues with consumers, in the synthesized template, run', () => {
  let embedded: EmbeddedTable
  let deployment: Deployment
  let stream: TableStream
  const mapping = () => view.one('AWS::Lambda::EventSourceMapping')

  beforeAll(async () => {
    embedded = await embeddedTable()
    const { endpoint, table } = embedded
    stream = await openStream(endpoint, table, view.one('AWS::DynamoDB::Table').StreamSpecification.StreamViewType)
    deployment = await deploy({ view, directory, endpoint, table })
    await deployment.declareAll()
  }, SYNTHESIS_MS)
  afterAll(async () => {
    await deployment?.stop()
    embedded?.close()
  })
  afterEach(() => expect(deployment.gate.takeRefusals()).toEqual([]))

  const tick = async (): Promise<void> => {
    const [, rule] = view.ofType('AWS::Events::Rule').find(([id]) => id.startsWith('ServiceTick')) ?? []
    await deployment.invoke('wake', JSON.parse(rule?.Targets[0].Input))
  }

  /** What Lambda does with the mapping: reads with the rights of the function's role, filters, and invokes. */
  const pump = async () => {
    const [tableId, attribute] = mapping().EventSourceArn['Fn::GetAtt']
    expect(attribute).toBe('StreamArn')
    for (const action of ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams']) {
      expect(deployment.allows('wake', `dynamodb:${action}`, tableId)).toBe(true)
    }
    const records = await stream.read()
    const patterns: string[] = mapping().FilterCriteria.Filters.map(({ Pattern }: { Pattern: string }) => Pattern)
    const passed = filtered(records, patterns)
    if (passed.length > 0) await deployment.invoke(functionOf(mapping().FunctionName.Ref), { Records: passed })
    return { events: records.map(({ eventName }) => eventName), passed }
  }
  const publish = async (queue: string, ...messages: object[]): Promise<void> => {
    const path = `/queues/${queue}/messages`
    expect(await deployment.request({ method: 'POST', path, body: { messages } })).toMatchObject({ status: 201 })
  }
  const bodiesRun = (name: string): string[][] =>
    deployment.runs
      .filter(({ id }) => id.startsWith(name))
      .map(({ event }) => event.Records.map(({ body }: { body: string }) => body))
  const left = async (queue: string): Promise<string[]> => {
    const { body } = await deployment.request({ method: 'GET', path: `/queues/${queue}/messages` })
    return body.messages.map((message: { body: string }) => message.body)
  }

  test('start with a tick, which finds the declarations', async () => {
    await tick()
    await deployment.runAsked()
    expect(deployment.runs).toEqual([])
  }, 60_000)

  test('are delivered from the stream: acked, or failed one by one, and dead-lettered', async () => {
    await pump()
    await publish('orders', { body: 'good' }, { body: 'bad' })
    await publish('orders', { body: 'x'.repeat(30_000) })
    for (const body of ['one', 'two', 'three']) await publish('orders', { body })
    expect((await pump()).passed.length).toBeGreaterThan(0)
    await deployment.runAsked()
    expect(bodiesRun('Warehouse').flat().sort()).toEqual(
      ['good', 'bad', 'x'.repeat(30_000), 'one', 'two', 'three'].sort(),
    )
    expect([await left('orders'), await left('orders-failed')]).toEqual([[], ['bad']])
    const [{ event } = { event: undefined }] = deployment.runs
    expect(event.Records[0]).toMatchObject({
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:111122223333:orders',
      attributes: { ApproximateReceiveCount: '1' },
    })
  }, 60_000)

  test('deliver nothing while they are paused, and all with the tick after the resume', async () => {
    const pause = (paused: boolean) => deployment.request({ method: 'PATCH', path: '/queues/orders', body: { paused } })
    const before = deployment.runs.length
    expect(await pause(true)).toMatchObject({ status: 200, body: { paused: true } })
    await publish('orders', { body: 'patient' })
    await pump()
    await tick()
    await deployment.runAsked()
    expect(deployment.runs).toHaveLength(before)
    await pause(false)
    await tick()
    await deployment.runAsked()
    expect(
      deployment.runs.slice(before).flatMap(({ event }) => event.Records.map(({ body }: { body: string }) => body)),
    ).toEqual(['patient'])
    expect(await left('orders')).toEqual([])
  }, 60_000)

  test('wake nothing by claims, acks and moves, nor by queues without a consumer', async () => {
    await publish('untouched', { body: 'nobody waits' })
    const { events, passed } = await pump()
    expect(new Set(events)).toEqual(new Set(['INSERT', 'MODIFY', 'REMOVE']))
    expect(passed).toEqual([])
  })

  test('keep the order of a group, of which everything behind a failure comes again', async () => {
    for (const body of ['one', 'bad', 'three']) {
      await publish('steps.fifo', { body, groupId: 'g', deduplicationId: body })
    }
    await pump()
    const running = deployment.runAsked()
    const seen = () => bodiesRun('Stepper').flat()
    while (seen().length < 5) await new Promise((resolve) => setTimeout(resolve, 50))
    // Nothing but its removal ends what fails for good and has no dead-letter queue.
    await deployment.request({ method: 'POST', path: '/queues/steps.fifo/purge', body: {} })
    await running
    expect(seen().slice(0, 3)).toEqual(['one', 'bad', 'three'])
    expect(new Set(seen().slice(3))).toEqual(new Set(['bad', 'three']))
  }, 60_000)

  test('get a run each when Lambda gave up records of the stream', async () => {
    await publish('orders', { body: 'unseen' })
    await stream.read()
    const [, { Endpoint }] = view.ofType('AWS::SNS::Subscription')[0] ?? ['', {}]
    const notice = { Records: [{ EventSource: 'aws:sns', Sns: { Message: '{}' } }] }
    await deployment.invoke(functionOf(Endpoint['Fn::GetAtt'][0]), notice)
    await deployment.runAsked()
    expect(bodiesRun('Warehouse').flat()).toContain('unseen')
  }, 60_000)

  test('may be delivered to their own consumers, and to no other function', () => {
    const mayInvoke = view
      .ofType('AWS::Lambda::Function')
      .map(([id]) => id)
      .filter((id) => deployment.allows('dispatch', 'lambda:InvokeFunction', id))
    expect(mayInvoke.map((id) => functionOf(id).replace(/[0-9A-F]{8}$/, '')).sort()).toEqual([
      'dispatch',
      'stepper',
      'warehouse',
    ])
    expect(
      deployment.allows('wake', 'lambda:InvokeFunction', mayInvoke.find((id) => /^Warehouse/.test(id)) ?? ''),
    ).toBe(false)
  })

  test('are delivered by rights that are all used', () => {
    const unused = ['wake', 'dispatch'].map((name) => {
      const [, role] = view.ofType('AWS::IAM::Role').find(([id]) => functionOf(id) === name) ?? []
      const granted: string[] = role?.Policies[0].PolicyDocument.Statement.flatMap(
        ({ Action }: { Action: string[] }) => Action,
      )
      const stream = /Stream|GetRecords|ShardIterator/
      return granted
        .filter((action) => action.startsWith('dynamodb:') && !stream.test(action))
        .map((action) => action.slice('dynamodb:'.length))
        .filter((action) => !deployment.gate.usedBy(name).has(action))
    })
    expect(unused).toEqual([[], []])
  })
})
