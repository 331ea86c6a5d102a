import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Meter, startMeter, usageBetween } from '../../bench/meter.ts'
import cdk from '../../cdk.json' with { type: 'json' }
import { tableTarget } from '../../cli/target/table-target.ts'
import { HoldfastStack } from '../../infra/holdfast-stack.ts'
import { runCommand, type Setting } from '../cli/command.ts'
import { type CloudWatch, startCloudWatch } from '../support/cloudwatch.ts'
import { type Deployment, deploy, templateIn } from '../support/deployment.ts'
import { type EmbeddedTable, embeddedTable, localClient, noEmbedded } from '../support/embedded.ts'
import { sqsClient } from '../support/sqs-through-gateway.ts'
import { type TemplateView, viewOf } from '../support/template.ts'

/** Builds every bundle; generous, for machines with much else to do. */
const SYNTHESIS_MS = 300_000
const KEY = { accessKeyId: 'AKHOLDFAST', secretAccessKey: 'a-secret-of-the-shop-only' }

describe.skipIf(noEmbedded())('the cost of a queue of the synthesized template, run', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-cost-'))
  let view: TemplateView
  let embedded: EmbeddedTable
  let meter: Meter
  let deployment: Deployment
  let cloudwatch: CloudWatch

  beforeAll(async () => {
    const app = new App({ outdir: directory, context: cdk.context, builtinCloudFormationValidation: false })
    new HoldfastStack(app, 'Holdfast')
    app.synth()
    view = viewOf(Template.fromJSON(templateIn(directory, 'Holdfast')))
    embedded = await embeddedTable()
    meter = await startMeter(embedded.endpoint)
    deployment = await deploy({
      view,
      directory,
      endpoint: meter.endpoint,
      table: embedded.table,
      secret: () => JSON.stringify({ keys: [KEY] }),
    })
    cloudwatch = await startCloudWatch({
      logs: () => ({
        'Holdfast-ServicepublishLog0D4C6B0A-vTq8ZkW1yXnR': deployment.output(),
        'Holdfast-ServicemonitorLog5E2A90F1-3hJcPpLw7sQd': '',
        'Holdfast-test-ServicepublishLog0D4C6B0A-aB4eUfG6mK2x': deployment.output(),
        'Other-stack': deployment.output(),
      }),
      metric: (name) => (name.includes('Read') ? meter.read().readUnits : meter.read().writeUnits) + 100,
    })
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_CLOUDWATCH: cloudwatch.endpoint,
      AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: cloudwatch.endpoint,
    })
  }, SYNTHESIS_MS)
  afterAll(async () => {
    delete process.env.AWS_ENDPOINT_URL_CLOUDWATCH
    delete process.env.AWS_ENDPOINT_URL_CLOUDWATCH_LOGS
    await Promise.all([deployment?.stop(), cloudwatch?.stop()])
    await meter?.stop()
    embedded?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const call = async (method: string, path: string, body?: unknown) =>
    (await deployment.request({ method, path, ...(body !== undefined && { body }) })).body

  /** Publishes, polls and acks, by ten and one by one, and through SQS. */
  const load = async (queue: string) => {
    const path = `/queues/${queue}`
    const bodies = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ body: { index, text: 'x'.repeat(900) } }))
    for (let round = 0; round < 3; round++) await call('POST', `${path}/messages`, { messages: bodies(10) })
    for (let round = 0; round < 5; round++) await call('POST', `${path}/messages`, { messages: bodies(1) })
    for (let left = 35; left > 0; ) {
      const { messages } = await call('POST', `${path}/poll`, { maxMessages: 10 })
      const receiptHandles = messages.map(({ receiptHandle }: { receiptHandle: string }) => receiptHandle)
      await call('POST', `${path}/ack`, { receiptHandles })
      left -= messages.length
    }
  }

  const cost = (queue: string, setting: Setting = {}) => {
    const target = tableTarget({ table: embedded.table, client: localClient(embedded.endpoint) })
    return runCommand(['cost', queue, '--stack', 'Holdfast'], { target, ...setting })
  }

  test('agrees with the metered units of a known load within five percent', async () => {
    const before = meter.read()
    await call('PUT', '/queues/orders', {})
    await load('orders')
    const used = usageBetween(before, meter.read())
    await call('PUT', '/queues/other', {})
    await load('other')
    const { code, records, stderr } = await cost('orders')
    expect([code, stderr]).toEqual([0, ''])
    const [{ published, writeUnits, readUnits, requests, sqsRequests, dollars, table, functions }] = records
    expect(published).toBe(35)
    expect(Math.abs(writeUnits / used.writeUnits - 1)).toBeLessThan(0.05)
    expect(Math.abs(readUnits / used.readUnits - 1)).toBeLessThan(0.05)
    expect(dollars.write).toBeCloseTo((writeUnits * 0.625) / 1e6, 12)
    expect(requests).toBeGreaterThanOrEqual(8 + 4 + 4)
    expect(sqsRequests).toBe(requests)
    // The table's metrics have a hundred more of each than the functions used.
    expect(table.writeUnits - functions.writeUnits).toBeGreaterThanOrEqual(100)
    expect(table.writeUnits - functions.writeUnits).toBeLessThan(105)
  })

  test('counts what came through SQS', async () => {
    const before = meter.read()
    await call('PUT', '/queues/shop', {})
    const { client, call: send } = sqsClient(deployment, KEY)
    const { QueueUrl } = await send(new GetQueueUrlCommand({ QueueName: 'shop' }))
    for (const MessageBody of ['a', 'x'.repeat(200_000)]) await send(new SendMessageCommand({ QueueUrl, MessageBody }))
    const { Messages = [] } = await send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    for (const { ReceiptHandle } of Messages) await send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    client.destroy()
    const used = usageBetween(before, meter.read())
    const { records } = await cost('shop')
    // SQS bills a send and a receipt of 200 KB as four requests each; the creation counts one more here.
    expect(records).toMatchObject([{ published: 2, sqsRequests: 1 + 1 + 4 + 4 + 2 }])
    expect(Math.abs(records[0].writeUnits / used.writeUnits - 1)).toBeLessThan(0.05)
  })

  test('is shown as a table at a terminal, with the price of SQS', async () => {
    await call('PUT', '/queues/shown', {})
    await load('shown')
    const { code, stdout } = await cost('shown', { terminal: true, env: { NO_COLOR: '1' } })
    expect(code).toBe(0)
    expect(stdout).toMatch(/messages published +35 +1\n/)
    expect(stdout).toMatch(/write units +\d+ +[\d.]+ +\$[\d.]+ +\$[\d.]+\n/)
    expect(stdout).toMatch(/SQS, its requests +\d+ +[\d.]+ +\$[\d.]+ +\$[\d.]+\n/)
    expect(stdout).toMatch(
      /The table used [\d,]+ write units and [\d,]+ read units in all, \d+ of them not by its functions/,
    )
  })

  test('finds the stack by the tags of the table, and says what is missing otherwise', async () => {
    await call('PUT', '/queues/tagged', {})
    await load('tagged')
    const client = localClient(embedded.endpoint)
    let tags = [{ Key: 'aws:cloudformation:stack-name', Value: 'Holdfast' }]
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) =>
          commandName === 'ListTagsOfResourceCommand' ? { output: { Tags: tags } as never, response: {} } : next(args),
      { step: 'initialize' },
    )
    const target = tableTarget({ table: embedded.table, client })
    const run = (...args: string[]) =>
      runCommand(['cost', 'tagged', ...args], { target: { ...target, close: async () => {} } })
    expect(await run()).toMatchObject({ code: 0, records: [{ published: 35 }] })
    tags = []
    expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining('--stack') })
    expect(await run('--stack', 'None')).toMatchObject({ code: 1, stderr: expect.stringContaining('None-') })
    await target.close()
  })
})
