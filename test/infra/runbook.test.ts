/** The commands of docs/runbook.md, run as they are printed against a running stack on the emulated template. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PutItemCommand, ScanCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { GetQueueUrlCommand } from '@aws-sdk/client-sqs'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Alarm } from 'aws-cdk-lib/aws-cloudwatch'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import cdk from '../../cdk.json' with { type: 'json' }
import { HoldfastStack } from '../../infra/holdfast-stack.ts'
import { QueueService } from '../../infra/queue-service.ts'
import { systemClock } from '../../lib/clock.ts'
import { createEngine } from '../../lib/engine.ts'
import { publish } from '../../lib/publish/publish.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { createTable } from '../../lib/store/dynamodb/table.ts'
import { TABLE_SHAPE } from '../../lib/store/keys.ts'
import { bundledCommand } from '../cli/bundled-command.ts'
import { codeBlocks, PROJECT } from '../docs/code-blocks.ts'
import { type AwsCommand, startAwsCommand } from '../support/aws-command.ts'
import { type Deployment, deploy, templateIn } from '../support/deployment.ts'
import { type EmbeddedTable, embeddedTable, LOCAL_CREDENTIALS, noEmbedded } from '../support/embedded.ts'
import { sqsClient } from '../support/sqs-through-gateway.ts'
import { someFunction, viewOf } from '../support/template.ts'
import { startThrottle, type Throttle } from '../support/throttle.ts'

const FILE = 'docs/runbook.md'
const text = readFileSync(join(PROJECT, FILE), 'utf8')
/** Builds every bundle; generous, for machines with much else to do. */
const SYNTHESIS_MS = 300_000
const KEY = { accessKeyId: 'AKHOLDFAST', secretAccessKey: 'a-secret-of-the-shop-only' }

test('has a section for each alarm of a deployment, and none for another', () => {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Shop')
  const service = new QueueService(stack, 'Service')
  const orders = service.addQueue('orders')
  orders.alarmOnAge(300)
  orders.addConsumer(someFunction(stack, 'Consumer'))
  const ids = stack.node.findAll().filter((node) => node instanceof Alarm)
  const named = ids.map(({ node: { id } }) =>
    id.replace(/^\w+ (errors|throttles)$/, 'FUNCTION $1').replace('orders', 'QUEUE'),
  )
  const [, alarms = ''] = text.split('\n## Alarms\n')
  const sections = [...alarms.matchAll(/^### (.+)$/gm)].map(([, title]) => title)
  expect(sections.sort()).toEqual([...new Set(named)].sort())
})

/** The blocks of shell below a heading, in their order. */
const blocksBelow = (heading: string): string[] => {
  const start = text.split('\n').indexOf(heading)
  const end = text.split('\n').findIndex((line, at) => at > start && /^#{2,3} /.test(line))
  return codeBlocks(FILE).flatMap(({ line, code }) => (line > start && (end < 0 || line < end) ? [code] : []))
}

const run = promisify(execFile)

describe.skipIf(noEmbedded())('the commands of the runbook', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-runbook-'))
  let embedded: EmbeddedTable
  let throttle: Throttle
  let deployment: Deployment
  let aws: AwsCommand
  let command: string
  let secret = JSON.stringify({ keys: [KEY] })
  let backup: Record<string, never>[] = []
  const ran = new Set<string>()

  const scan = async () => (await embedded.client.send(new ScanCommand({ TableName: embedded.table }))).Items ?? []
  const restore = async (name: string) => {
    await createTable(embedded.client, name)
    for (const Item of backup) await embedded.client.send(new PutItemCommand({ TableName: name, Item }))
    return ''
  }

  beforeAll(async () => {
    const app = new App({ outdir: directory, context: cdk.context, builtinCloudFormationValidation: false })
    new HoldfastStack(app, 'Holdfast')
    app.synth()
    const view = viewOf(Template.fromJSON(templateIn(directory, 'Holdfast')))
    embedded = await embeddedTable()
    const { client, table, endpoint } = embedded
    const TimeToLiveSpecification = { AttributeName: TABLE_SHAPE.timeToLive, Enabled: true }
    await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }))
    throttle = await startThrottle(endpoint)
    deployment = await deploy({ view, directory, endpoint: throttle.endpoint, table, secret: () => secret })
    command = await bundledCommand()
    aws = await startAwsCommand({
      directory,
      client,
      instead: {
        'dynamodb update-table': ({ OnDemandThroughput }) => {
          throttle.writes = Number((OnDemandThroughput as Record<string, string>).MaxWriteRequestUnits) < 100
          return ''
        },
        'dynamodb restore-table-to-point-in-time': ({ TargetTableName }) => restore(String(TargetTableName)),
        'secretsmanager get-secret-value': () => secret,
        'secretsmanager put-secret-value': ({ SecretString }) => {
          secret = String(SecretString)
          return ''
        },
        'logs filter-log-events': () => deployment.output(),
      },
    })
  }, SYNTHESIS_MS)
  afterAll(async () => {
    await Promise.all([deployment?.stop(), aws?.stop()])
    await throttle?.stop()
    embedded?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** Runs a block as an operator would, on a queue of its own in place of `orders`. Answers what it prints; a command that fails ends it. */
  const shell = async (code: string, { queue = 'orders', ...env }: Record<string, string> = {}): Promise<string> => {
    ran.add(code)
    const own = code
      .replace('export HOLDFAST_TABLE=holdfast', ':')
      .replaceAll('orders', queue)
      // Nobody is there to be asked.
      .replace('holdfast cancel', 'holdfast cancel --yes')
    const script = `set -euo pipefail
      holdfast() { "${process.execPath}" "${command}" "$@"; }
      ${own}`
    const { stdout } = await run('bash', ['-c', script], {
      cwd: directory,
      env: {
        PATH: `${aws.path}:${process.env.PATH}`,
        HOME: directory,
        HOLDFAST_TABLE: embedded.table,
        AWS_REGION: 'us-east-1',
        AWS_ENDPOINT_URL_DYNAMODB: throttle.endpoint,
        AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
        ...env,
      },
    })
    return stdout
  }
  const records = (stdout: string) =>
    stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const call = async (method: string, path: string, body?: unknown) =>
    (await deployment.request({ method, path, ...(body !== undefined && { body }) })).body
  const poll = async (queue: string) =>
    (await call('POST', `/queues/${queue}/poll`, { maxMessages: 10, waitTimeSeconds: 4 })).messages
  const handles = (messages: { receiptHandle: string }[]) => messages.map(({ receiptHandle }) => receiptHandle)
  /** What another function gave back, a function may find some seconds later. */
  const pollFor = async (queue: string, body: unknown) => {
    for (let attempt = 0; attempt < 10; attempt++) {
      const found = (await poll(queue)).find((message: { body: unknown }) => message.body === body)
      if (found) return found
    }
    throw new Error(`${queue} does not deliver ${body}`)
  }
  /** The function that polls may learn some seconds later that another one gave the message back, and moves it then. */
  const deadLetterOf = async (queue: string) => {
    for (let attempt = 0; attempt < 10; attempt++) {
      await poll(queue)
      const [deadLetter] = records(await shell(`holdfast dead ${queue}`))
      if (deadLetter) return deadLetter
    }
    throw new Error(`no message of ${queue} was dead-lettered`)
  }

  // A story's messages would be the next one's trouble.
  afterEach(async () => {
    const { queues } = await call('GET', '/queues')
    for (const { name } of queues) await call('DELETE', `/queues/${name}?force=true`)
  })

  test('show what there is', async () => {
    const [first = ''] = codeBlocks(FILE).map(({ code }) => code)
    expect(await shell(first)).toBe('')
  })

  test('show a backlog, and copy what is about to be dropped', async () => {
    const clock = { ...systemClock, now: () => Date.now() - 4_000_000 }
    const engine = createEngine({ store: dynamodbStore({ ...embedded, clock }), clock })
    await call('PUT', '/queues/backlog', { retentionSeconds: 7_200 })
    await publish(engine, 'backlog', [{ body: { id: 1 } }, { body: { id: 2 } }])
    const [show = '', cure = ''] = blocksBelow('### Backlog')
    const [queue, ...messages] = records(await shell(show, { queue: 'backlog' }))
    expect(queue.troubles.map(({ code }: { code: string }) => code)).toEqual(['expiring', 'no-consumers'])
    expect(messages).toHaveLength(2)
    await shell(cure, { queue: 'backlog' })
    expect(readFileSync(join(directory, 'backlog-backlog.ndjson'), 'utf8').trim().split('\n')).toHaveLength(2)
    expect(records(await shell('holdfast queue backlog'))).toMatchObject([{ retentionSeconds: 1_209_600 }])
  })

  test('show a poison message, and take it out of the queue', async () => {
    await call('PUT', '/queues/poison', {})
    await call('POST', '/queues/poison/messages', { messages: [{ body: 'poison' }, { body: 'other' }] })
    for (let receive = 0; receive < 3; receive++) {
      const receiptHandles = handles([await pollFor('poison', 'poison')])
      await call('POST', '/queues/poison/nack', { receiptHandles, delaySeconds: 0 })
    }
    const [show = '', deadLetters = '', take = ''] = blocksBelow('### A poison message')
    const [{ messageId: ID }, ...others] = records(await shell(show, { queue: 'poison' }))
    expect(others).toEqual([])
    await shell(take, { ID, queue: 'poison' })
    expect(records(await shell('holdfast peek poison'))).toMatchObject([{ body: 'other' }])
    expect(JSON.parse(readFileSync(join(directory, 'poison.json'), 'utf8'))).toMatchObject({ body: 'poison' })
    await shell('holdfast import poison -i poison.json')
    await shell(deadLetters, { queue: 'poison' })
    for (let receive = 0; receive < 3; receive++) {
      const receiptHandles = handles([await pollFor('poison', 'poison')])
      await call('POST', '/queues/poison/nack', { receiptHandles, delaySeconds: 0 })
    }
    expect(await deadLetterOf('poison')).toMatchObject({ body: 'poison' })
  })

  test('send dead letters of a bad deployment round again, and correct those that were wrong', async () => {
    await call('PUT', '/queues/bad-failed', { redriveAllowPolicy: { permission: 'allowAll' } })
    await call('PUT', '/queues/bad', { deadLetter: { queue: 'bad-failed', maxReceives: 1 } })
    const fail = async (bodies: unknown[], error: string) => {
      await call('POST', '/queues/bad/messages', { messages: bodies.map((body) => ({ body })) })
      const receiptHandles = handles(await poll('bad'))
      await call('POST', '/queues/bad/nack', { receiptHandles, deadLetter: true, error })
    }
    await fail([{ id: 1 }, { id: 2 }, { id: 3 }], 'undefined is not a function')
    await fail([{ id: 4, total: '5' }], 'total is no number')
    const [redrive = '', edit = ''] = blocksBelow('### Dead letters after a bad deployment')
    const groups = records(await shell(redrive, { queue: 'bad' })).filter(({ reason }) => reason !== undefined)
    expect(groups).toMatchObject([{ reason: 'undefined is not a function', count: 3 }, { count: 1 }])
    expect(await poll('bad')).toHaveLength(3)
    await shell(edit, { queue: 'bad' })
    expect(await poll('bad')).toMatchObject([{ body: { id: 4, total: 5 } }])
    expect(records(await shell('holdfast dead bad'))).toEqual([])
  })

  test('show a throttled table, and raise its maximum', async () => {
    throttle.writes = true
    const [show = '', cure = ''] = blocksBelow('### A throttled table')
    const failure = await shell(show).catch((error: { code: number; stderr: string }) => error)
    expect(failure).toMatchObject({ code: 1, stderr: expect.stringContaining('maximum configured') })
    await shell(cure)
    expect(records((await shell(show)).split('\n').slice(-3).join('\n'))).toMatchObject([{ published: 50, acked: 50 }])
  })

  test('put another key in the place of a lost one', async () => {
    await call('PUT', '/queues/keyed', {})
    const [read = '', write = ''] = blocksBelow('### A lost key')
    const env = { SQS_KEYS_SECRET: 'the-secret' }
    const reached = async (key: typeof KEY) => {
      const { client, call: send } = sqsClient(deployment, key)
      const outcome = await send(new GetQueueUrlCommand({ QueueName: 'keyed' })).then(
        () => 'answered',
        ({ name }: Error) => name,
      )
      client.destroy()
      return outcome
    }
    expect(await reached(KEY)).toBe('answered')
    await shell(read, env)
    const fresh = { accessKeyId: 'AKHOLDFAST2', secretAccessKey: 'another-secret-of-the-shop' }
    const { keys } = JSON.parse(readFileSync(join(directory, 'keys.json'), 'utf8'))
    expect(keys).toEqual([KEY])
    await writeFile(join(directory, 'new-keys.json'), JSON.stringify({ keys: [fresh] }))
    await shell(write, env)
    // A key that is not known has the secret read again, at most once a second.
    await expect.poll(() => reached(fresh), { timeout: 20_000 }).toBe('answered')
    expect(await reached(KEY)).toBe('InvalidClientTokenId')
  })

  test('bring back what was purged by mistake', async () => {
    await call('PUT', '/queues/purged', {})
    const messages = Array.from({ length: 5 }, (_, id) => ({ body: { id }, attributes: { source: 'shop' } }))
    await call('POST', '/queues/purged/messages', { messages })
    backup = (await scan()) as Record<string, never>[]
    await shell('holdfast purge purged --yes')
    expect(records(await shell('holdfast peek purged'))).toEqual([])
    const [cure = ''] = blocksBelow('### A purge by mistake')
    await shell(cure, { BEFORE: '2026-11-29T12:00:00Z', queue: 'purged' })
    const back = records(await shell('holdfast peek purged'))
    expect(back.map(({ body }) => body.id).sort()).toEqual([0, 1, 2, 3, 4])
    expect(back[0]).toMatchObject({ attributes: { source: 'shop' }, receiveCount: 0 })
    expect(aws.runs.slice(-3)).toEqual([
      'dynamodb restore-table-to-point-in-time',
      'dynamodb wait',
      'dynamodb delete-table',
    ])
  })

  test('show what the alarms mean', async () => {
    await call('PUT', '/queues/orders', {})
    const [, alarms = ''] = text.split('\n## Alarms\n')
    for (const { code } of codeBlocks(FILE))
      if (alarms.includes(code)) await shell(code, { LOG_GROUP: 'Holdfast-Poll' })
    expect(await call('GET', '/queues/orders')).not.toHaveProperty('paused', true)
  })

  test('are all run here', () => {
    const own = codeBlocks(FILE).map(({ code }) => code)
    expect(own.length).toBeGreaterThan(10)
    expect(own.filter((code) => !ran.has(code))).toEqual([])
  })
})
