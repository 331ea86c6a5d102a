import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QueueService } from '../../infra/queue-service.ts'
import { createEngine, type Engine } from '../../lib/engine.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/queues.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { type EmbeddedTable, embeddedTable, localClient, noEmbedded } from '../support/embedded.ts'
import { type IamGate, type Statement, startIamGate } from '../support/iam-gate.ts'
import { UNBUNDLED, viewOf } from '../support/template.ts'

const stack = new Stack(new App({ context: UNBUNDLED, builtinCloudFormationValidation: false }), 'Test')
const service = new QueueService(stack, 'Service', { alarms: false, dashboard: false })
const roleOf = (id: string) => new Role(stack, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
const failed = service.addQueue('orders-failed')
const orders = service.addQueue('orders', { deadLetter: { queue: failed, maxReceives: 1 } })
orders.grantPublish(roleOf('Publisher'))
orders.grantConsume(roleOf('Consumer'))
const failedSteps = service.addQueue('steps-failed.fifo')
const steps = service.addQueue('steps.fifo', { deadLetter: { queue: failedSteps, maxReceives: 1 } })
steps.grantPublish(roleOf('StepPublisher'))
steps.grantConsume(roleOf('StepConsumer'))
orders.grantInvoke(roleOf('Caller'), 'publish', 'poll')
const view = viewOf(Template.fromStack(stack))

const statementsOf = (role: string): Statement[] =>
  view
    .ofType('AWS::IAM::Policy')
    .filter(([id]) => id.startsWith(role))
    .flatMap(([, policy]) => policy.PolicyDocument.Statement)

describe('grants on one queue', () => {
  const granted = (role: string) =>
    statementsOf(role).map(({ Action, Condition }) => ({
      keys: [Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']].flat(),
      actions: [Action].flat().map((action) => action.replace('dynamodb:', '')),
      keyed: Condition?.Null?.['dynamodb:LeadingKeys'],
    }))

  it('to publish are for what a publisher does with each kind of its own keys', () => {
    expect(granted('Publisher')).toEqual([
      { keys: ['q#orders'], actions: ['GetItem', 'PutItem'], keyed: 'false' },
      { keys: ['s#orders#*'], actions: ['DeleteItem', 'PutItem'], keyed: 'false' },
      { keys: ['b#orders#*'], actions: ['PutItem'], keyed: 'false' },
      { keys: ['t#orders#*'], actions: ['UpdateItem'], keyed: 'false' },
      { keys: ['d#orders#*'], actions: ['GetItem', 'PutItem'], keyed: 'false' },
      { keys: ['a#orders#*'], actions: ['GetItem'], keyed: 'false' },
      { keys: ['s#orders#*', 'b#orders#*'], actions: ['BatchGetItem', 'GetItem', 'Query'], keyed: 'false' },
    ])
  })

  it('to consume leave the queue’s record and its bodies where they are, and only add to the dead-letter queue', () => {
    const to = (start: string) =>
      granted('Consumer')
        .filter(({ keys }) => keys.some((key) => key?.startsWith(start)))
        .flatMap(({ actions }) => actions)
        .sort()
    expect(to('q#orders')).toEqual(['ConditionCheckItem', 'GetItem', 'GetItem', 'PutItem'])
    expect(to('b#orders#')).toEqual(['BatchGetItem', 'GetItem', 'Query'])
    expect(to('s#orders-failed#')).toEqual(['PutItem'])
    expect(to('b#orders-failed#')).toEqual(['PutItem'])
  })

  it('to call its routes are for these alone', () => {
    const [{ Action, Resource } = { Action: '', Resource: [] }] = statementsOf('Caller') as unknown as {
      Action: string
      Resource: { 'Fn::Join': [string, unknown[]] }[]
    }[]
    expect(Action).toBe('execute-api:Invoke')
    expect([Resource].flat().map((arn) => arn['Fn::Join'][1].at(-1))).toEqual([
      '/*/POST/queues/orders/messages',
      '/*/POST/queues/orders/poll',
    ])
  })
})

describe.skipIf(noEmbedded())('a role with a grant on one queue', () => {
  let embedded: EmbeddedTable
  let gate: IamGate
  const clients: { destroy(): void }[] = []
  const engineAs = (role: string): Engine => {
    const client = localClient(gate.endpointFor(role, statementsOf(role)))
    clients.push(client)
    return createEngine({ store: dynamodbStore({ client, table: embedded.table }) })
  }

  beforeAll(async () => {
    embedded = await embeddedTable()
    gate = await startIamGate(embedded.endpoint)
    const owner = createEngine({ store: dynamodbStore({ client: embedded.client, table: embedded.table }) })
    await createQueue(owner, 'orders-failed')
    await createQueue(owner, 'orders', { settings: { deadLetter: { queue: 'orders-failed', maxReceives: 1 } } })
    await createQueue(owner, 'steps-failed.fifo', { settings: { fifo: DEFAULT_FIFO } })
    await createQueue(owner, 'steps.fifo', {
      settings: {
        fifo: DEFAULT_FIFO,
        deduplicationMode: 'pending',
        deadLetter: { queue: 'steps-failed.fifo', maxReceives: 1 },
      },
    })
    await createQueue(owner, 'invoices')
    await publish(owner, 'invoices', [{ body: 'not yours' }])
    await publish(owner, 'orders-failed', [{ body: 'not yours' }])
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await gate?.stop()
    embedded?.close()
  })

  it('publishes to it, and to no other', async () => {
    const publisher = engineAs('Publisher')
    await publish(publisher, 'orders', [{ body: 'small' }])
    await publish(publisher, 'orders', [{ body: 'x'.repeat(30_000) }])
    await expect(publish(publisher, 'invoices', [{ body: 'stray' }])).rejects.toMatchObject({ code: 'AccessDenied' })
    await expect(poll(publisher, 'orders', {})).rejects.toMatchObject({ code: 'AccessDenied' })
  })

  it('polls and acks it, moves what failed to its dead-letter queue, and reads no other', async () => {
    const consumer = engineAs('Consumer')
    const [first, second] = await poll(consumer, 'orders', { maxMessages: 2, visibilityTimeoutSeconds: 0 })
    expect([first?.body === 'small', second !== undefined]).toEqual([true, true])
    // Received once and visible again: they have used up their receives.
    expect(await poll(consumer, 'orders', { maxMessages: 2 })).toEqual([])
    await publish(engineAs('Publisher'), 'orders', [{ body: 'third' }])
    const [third] = await poll(consumer, 'orders', {})
    expect(await ack(consumer, 'orders', [third?.receiptHandle ?? ''])).toEqual([{ ok: true }])
    expect(gate.takeRefusals().filter((refusal) => refusal.startsWith('Consumer'))).toEqual([])

    await expect(poll(consumer, 'invoices', {})).rejects.toMatchObject({ code: 'AccessDenied' })
    await expect(poll(consumer, 'orders-failed', {})).rejects.toMatchObject({ code: 'AccessDenied' })
    gate.takeRefusals()
  })

  it('does all of it on a FIFO queue too', async () => {
    const publisher = engineAs('StepPublisher')
    const consumer = engineAs('StepConsumer')
    const step = (id: string) => [{ body: id, groupId: 'g', deduplicationId: id }]
    for (const id of ['one', 'two', 'two', 'three']) await publish(publisher, 'steps.fifo', step(id))
    const [one] = await poll(consumer, 'steps.fifo', { attemptId: 'first' })
    expect((await poll(consumer, 'steps.fifo', { attemptId: 'first' })).map(({ body }) => body)).toEqual(['one'])
    expect(await ack(consumer, 'steps.fifo', [one?.receiptHandle ?? ''])).toEqual([{ ok: true }])
    await publish(publisher, 'steps.fifo', step('one'))
    const rest = await poll(consumer, 'steps.fifo', { maxMessages: 10, visibilityTimeoutSeconds: 0 })
    expect(rest.map(({ body }) => body)).toEqual(['two', 'three', 'one'])
    expect(await poll(consumer, 'steps.fifo', { maxMessages: 10 })).toEqual([])
    expect(gate.takeRefusals()).toEqual([])
  })
})
