import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  BatchExecuteStatementCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeclaredQueue } from '../../infra/declared-queue.ts'
import { QueueService } from '../../infra/queue-service.ts'
import { createClient, type Transaction } from '../../lib/client.ts'
import type { Engine } from '../../lib/engine.ts'
import { browse } from '../../lib/messages/browse.ts'
import { cancelMessage } from '../../lib/messages/cancel-message.ts'
import { getMessage } from '../../lib/messages/get-message.ts'
import { rescheduleMessage } from '../../lib/messages/reschedule-message.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import type { Message, NewMessage } from '../../lib/model/message.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { counts } from '../../lib/queues/counts.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../lib/queues/delete-queue.ts'
import { getQueue } from '../../lib/queues/get-queue.ts'
import { listQueueNames } from '../../lib/queues/list-queues.ts'
import { purgeQueue } from '../../lib/queues/purge-queue.ts'
import { raiseShards } from '../../lib/queues/shards.ts'
import { updateQueue } from '../../lib/queues/update-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { startRedrive } from '../../lib/redrive/redrive.ts'
import { awaitResult, messageStatus } from '../../lib/results/await-result.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { type EmbeddedTable, embeddedTable, localClient, noEmbedded } from '../support/embedded.ts'
import { type IamGate, like, type Statement, startIamGate } from '../support/iam-gate.ts'
import { type ManualClock, manualClock } from '../support/manual-clock.ts'
import { UNBUNDLED, viewOf } from '../support/template.ts'
import { testEngine } from '../support/test-engine.ts'

const stack = new Stack(new App({ context: UNBUNDLED, builtinCloudFormationValidation: false }), 'Test')
const service = new QueueService(stack, 'Service', { alarms: false, dashboard: false })
const roleOf = (id: string) => new Role(stack, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })

/** Roles by the headings of the guide's table, each with its grant on a queue. */
const grantAll = (queue: DeclaredQueue, kind: string): Record<string, string> => {
  const names = ['Publisher', 'PendingPublisher', 'Consumer', 'Browser', 'Manager', 'Awaiter'].map(
    (name) => `${kind}${name}X`,
  )
  const roles = names.map(roleOf) as [Role, Role, Role, Role, Role, Role]
  const [publisher, pendingPublisher, consumer, browser, manager, awaiter] = roles
  queue.grantPublish(publisher)
  service.grantPublish(queue.queueName, pendingPublisher, { pendingIds: true })
  queue.grantConsume(consumer)
  queue.grantBrowse(browser)
  queue.grantManage(manager)
  queue.grantReadResults(awaiter)
  const headings = [
    '`grantPublish`',
    '`grantPublish` with `pendingIds`',
    '`grantConsume`',
    '`grantBrowse`',
    '`grantManage`',
    '`grantReadResults`',
  ]
  return Object.fromEntries(headings.map((heading, at) => [heading, names[at] ?? '']))
}

const failed = service.addQueue('orders-failed')
const orders = service.addQueue('orders', { deadLetter: { queue: failed, maxReceives: 1 } })
const ROLES = grantAll(orders, 'Orders')
const failedSteps = service.addQueue('steps-failed.fifo')
const steps = service.addQueue('steps.fifo', {
  deadLetter: { queue: failedSteps, maxReceives: 1 },
  settings: { deduplicationMode: 'pending' },
})
const STEP_ROLES = grantAll(steps, 'Steps')
const fair = service.addQueue('fair', { settings: { maxInFlightPerGroup: 2 } })
const FAIR_ROLES = grantAll(fair, 'Fair')
orders.grantInvoke(roleOf('CallerX'), 'publish', 'poll')
const view = viewOf(Template.fromStack(stack))

const statementsOf = (role: string): Statement[] =>
  view
    .ofType('AWS::IAM::Policy')
    .filter(([id]) => id.startsWith(role))
    .flatMap(([, policy]) => policy.PolicyDocument.Statement)
const keysOf = ({ Condition }: Statement): string[] =>
  [Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? []].flat() as string[]
const actionsOf = ({ Action }: Statement): string[] =>
  [Action].flat().map((action) => String(action).replace('dynamodb:', ''))

describe('grants on one queue', () => {
  test('are on its own keys and its dead-letter queue, and on no request that names no key', () => {
    for (const role of Object.values(ROLES)) {
      for (const statement of statementsOf(role)) {
        expect(statement.Condition?.Null).toEqual({ 'dynamodb:LeadingKeys': 'false' })
        for (const key of keysOf(statement)) expect(key).toMatch(/^[a-z]#orders(-failed)?(#\*)?$/)
      }
    }
    const failedKeys = Object.values(ROLES).map((role) =>
      statementsOf(role).some((one) => /failed/.test(`${keysOf(one)}`)),
    )
    expect(failedKeys).toEqual([false, false, true, false, false, false])
  })

  test('to publish are for what a publisher does with each kind of its own keys', () => {
    expect(statementsOf('OrdersPublisher').map((one) => [keysOf(one).join(' '), actionsOf(one)])).toEqual([
      ['q#orders', ['ConditionCheckItem', 'GetItem']],
      ['n#orders', ['GetItem', 'PutItem']],
      ['s#orders#* b#orders#*', ['PutItem']],
      ['t#orders#*', ['UpdateItem']],
      ['d#orders#* u#orders#*', ['PutItem']],
      ['x#orders#*', ['GetItem', 'PutItem']],
    ])
  })

  test('to publish to a queue that was declared with ids of pending messages include looking for these', () => {
    const reads = (role: string) => statementsOf(role).flatMap(actionsOf).includes('Query')
    expect([reads('StepsPublisher'), reads('OrdersPublisher')]).toEqual([true, false])
  })

  test('to call its routes are for these alone', () => {
    const [{ Action, Resource } = { Action: '', Resource: [] }] = statementsOf('Caller') as unknown as {
      Action: string
      Resource: { 'Fn::Join': [string, unknown[]] }[]
    }[]
    expect(Action).toBe('execute-api:Invoke')
    expect([Resource].flat().map((arn) => arn['Fn::Join'][1].at(-1))).toEqual([
      '/*/POST/queues/orders/messages',
      '/*/POST/queues/orders/poll',
      '/*/POST/queues/orders/nack',
    ])
  })

  const NO_QUEUE = ['*', '?', '#', '', 'o*', 'orders#', '$' + '{aws:username}', 'a/b', 'orders\n', '..', 'x'.repeat(81)]
  const GRANTS: Record<string, (name: string) => unknown> = {
    grantPublish: (name) => service.grantPublish(name, roleOf('Refused1')),
    grantConsume: (name) => service.grantConsume(name, roleOf('Refused2')),
    'grantConsume, as the dead-letter queue': (name) => service.grantConsume('orders', roleOf('Refused3'), name),
    grantBrowse: (name) => service.grantBrowse(name, roleOf('Refused4')),
    grantManage: (name) => service.grantManage(name, roleOf('Refused5')),
    grantReadResults: (name) => service.grantReadResults(name, roleOf('Refused7')),
    grantInvoke: (name) => service.grantInvoke(name, roleOf('Refused6'), 'publish'),
    alarmOnAge: (name) => service.alarmOnAge(name, 60),
  }
  test.each(Object.entries(GRANTS))('%s refuses a name that no queue can have', (_, grant) => {
    for (const name of NO_QUEUE) {
      expect(() => grant(name)).toThrow('queue must be 1 to 80 letters, digits, hyphens or underscores')
      stack.node.tryRemoveChild([...stack.node.children].at(-1)?.node.id ?? '')
    }
  })

  test('refuse a grantee whose policy can not be changed, instead of granting nothing', () => {
    const imported = LambdaFunction.fromFunctionArn(
      stack,
      'Imported',
      'arn:aws:lambda:us-east-1:111122223333:function:shop',
    )
    expect(() => orders.grantPublish(imported)).toThrow(
      /^the grant on queue orders to .*Imported has no role: import the function with its role, or grant to the role itself$/,
    )
    expect(() => orders.grantInvoke(imported, 'publish')).toThrow('import the function with its role')
  })

  test('with a mistyped option are refused', () => {
    const grant = () => service.grantPublish('orders', roleOf('Mistyped'), { pendingId: true } as never)
    expect(grant).toThrow('did you mean pendingIds?')
  })

  test('to call no route are refused', () => {
    expect(() => orders.grantInvoke(roleOf('Idle'))).toThrow('must name a function')
  })
})

/** The guide's table: what each grant can do, by the headings of its columns. */
const guide = (() => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8')
  const section = text.split('### What each grant can do')[1]?.split('\n## ')[0] ?? ''
  const [heads = [], , ...rows] = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  const past = rows.findIndex(([what]) => what === '**In the table, without the library**')
  return {
    columns: heads.slice(1),
    library: rows.slice(0, past).map(([what = '']) => what),
    rows: rows.filter(([, first]) => first !== '').map(([what = '', ...cells]) => [what, cells] as const),
  }
})()

/** A body that stays large when it is compressed, so that it is stored in an item of its own. */
const LARGE = Array.from({ length: 300 }, (_, n) => createHash('sha512').update(`${n}`).digest('hex')).join('')

/** What a role can work with, without the library too. */
interface Rights {
  readonly engine: Engine
  readonly client: DynamoDBClient
  readonly owner: Engine
  readonly table: string
  readonly clock: ManualClock
}
type Attempt = (rights: Rights) => Promise<unknown>

const published = async (engine: Engine, queue: string, messages: readonly NewMessage[]): Promise<string> => {
  const [result] = await publish(engine, queue, messages)
  if (!result?.ok) throw result?.error ?? new Error('nothing was published')
  return result.messageId
}

const keepResults = (owner: Engine) =>
  updateQueue(owner, 'orders', { settings: { results: { retentionSeconds: 600 } } })

const received = async (engine: Engine, queue = 'orders'): Promise<Message> => {
  const [message] = await poll(engine, queue)
  if (!message) throw new Error('there was nothing to receive')
  return message
}

/** Keys of what is stored of a published message: its header, and the body of one that is large. */
const keysOfMessage = async ({ owner, table, client }: Rights, queue: string, body: string) => {
  const messageId = await published(owner, queue, [{ body }])
  const { generation } = await owner.queues.get(queue)
  const partition = `s#${queue}#${generation}#0`
  const { Items = [] } = await ownerOf(client).send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: partition } },
    }),
  )
  const sort = Items.at(-1)?.sk?.S ?? ''
  const header = { pk: { S: partition }, sk: { S: sort } }
  return { messageId, header, body: { pk: { S: `b#${partition.slice(2)}#${sort}` }, sk: { S: '0' } } }
}

let embedded: EmbeddedTable
const ownerOf = (_: DynamoDBClient): DynamoDBClient => embedded.client

/** A key of each kind that a queue has. */
const keysIn = (queue: string, generation: string): { pk: string; sk: string }[] => [
  { pk: `q#${queue}`, sk: 'q' },
  { pk: `n#${queue}`, sk: 'n' },
  ...['s', 'b', 't', 'd', 'u', 'h', 'a'].map((kind) => ({ pk: `${kind}#${queue}#${generation}#0`, sk: '0' })),
]

/** Succeeds when any of the attempts does; throws what each of them was refused with otherwise. */
const any = async (attempts: readonly (() => Promise<unknown>)[]): Promise<void> => {
  const outcomes = await Promise.allSettled(attempts.map((attempt) => attempt()))
  const unexpected = outcomes.find((one) => one.status === 'rejected' && !isRefusal(one.reason))
  if (unexpected?.status === 'rejected') throw unexpected.reason
  if (outcomes.some(({ status }) => status === 'fulfilled')) return
  throw (outcomes[0] as PromiseRejectedResult).reason
}
const isRefusal = (error: unknown): boolean =>
  isHoldfastError(error, 'AccessDenied') || (error as Error).name === 'AccessDeniedException'

const readAnything = ({ client, table }: Rights, keys: readonly { pk: string; sk: string }[]) =>
  keys.flatMap(({ pk, sk }) => [
    () => client.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk }, sk: { S: sk } } })),
    () =>
      client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: '#key = :any',
          ExpressionAttributeNames: { '#key': 'pk' },
          ExpressionAttributeValues: { ':any': { S: pk } },
        }),
      ),
  ])
const writeAnything = ({ client, table }: Rights, keys: readonly { pk: string; sk: string }[]) =>
  keys.flatMap(({ pk, sk }) => {
    const Key = { pk: { S: pk }, sk: { S: sk } }
    return [
      () => client.send(new PutItemCommand({ TableName: table, Item: Key })),
      () => client.send(new UpdateItemCommand({ TableName: table, Key })),
      () => client.send(new DeleteItemCommand({ TableName: table, Key })),
      () =>
        client
          .send(
            new BatchExecuteStatementCommand({
              Statements: [
                { Statement: `DELETE FROM "${table}" WHERE "pk"=? AND "sk"=?`, Parameters: [Key.pk, Key.sk] },
              ],
            }),
          )
          .then(() => {}),
    ]
  })

const put =
  (key: (generation: string) => { pk: string; sk: string }, queue = 'orders'): Attempt =>
  async ({ client, table, owner }) => {
    const { pk, sk } = key((await owner.queues.get(queue)).generation)
    await client.send(new PutItemCommand({ TableName: table, Item: { pk: { S: pk }, sk: { S: sk } } }))
  }

/** Commits while every answer is lost, so that the marker tells that it was done. */
const committedUnanswered = async (tx: Transaction, client: DynamoDBClient, clock: ManualClock): Promise<void> => {
  const send = async (command: never): Promise<never> => {
    await client.send(command)
    throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
  }
  let pending = true
  const committing = tx.commit(Object.assign(Object.create(client) as DynamoDBClient, { send })).finally(() => {
    pending = false
  })
  const moving = (async () => {
    // Little by little: requests to the engine take real time, in which what was built must not become too old.
    while (pending) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      await clock.advance(250)
    }
  })()
  await Promise.all([committing, moving])
}

const ATTEMPTS: Record<string, Attempt> = {
  'publish messages': async ({ engine, clock }) => {
    await published(engine, 'orders', [{ body: 'small' }, { body: 'later', delaySeconds: 60 }])
    await published(engine, 'orders', [{ body: LARGE }])
    await clock.advance(10_000)
    expect(await raiseShards(engine, await engine.queues.get('orders'))).toBe(2)
  },
  'publish with a deduplication id': async ({ engine }) => {
    for (const _ of [1, 2]) await published(engine, 'orders', [{ body: 'once', deduplicationId: 'one' }])
  },
  'publish with an idempotency key': async ({ engine }) => {
    const sent = []
    for (const _ of [1, 2]) sent.push(await publish(engine, 'orders', [{ body: 'once' }], { idempotencyKey: 'one' }))
    expect(sent[1]).toEqual(sent[0])
  },
  'publish with an id that is taken while its message is pending': async ({ engine, owner }) => {
    await updateQueue(owner, 'orders', { settings: { deduplicationMode: 'pending' } })
    for (const _ of [1, 2]) await published(engine, 'orders', [{ body: 'once', deduplicationId: 'one' }])
    await ack(owner, 'orders', [(await received(owner)).receiptHandle])
    await published(engine, 'orders', [{ body: 'again', deduplicationId: 'one' }])
  },
  'publish to a message group': ({ engine }) => published(engine, 'orders', [{ body: 'grouped', groupId: 'tenant' }]),
  'publish in a transaction, strict and with an id too': async ({ engine, client, clock }) => {
    const tx = createClient({ engine }).transaction({ strict: true, transactionId: 'one' })
    tx.publish('orders', [
      { body: LARGE, deduplicationId: 'one' },
      { body: 'b', groupId: 'tenant' },
    ])
    await committedUnanswered(tx, client, clock)
  },
  'receive messages': async ({ engine, owner }) => {
    await published(owner, 'orders', [{ body: 'a' }])
    await received(engine)
  },
  'ack, extend and nack what was received': async ({ engine, owner, clock }) => {
    await publish(owner, 'orders', [{ body: LARGE }, { body: 2 }, { body: 3 }])
    for (let n = 0; n < 6; n++) await published(owner, 'orders', [{ body: n }])
    const messages = await poll(engine, 'orders', { maxMessages: 9 })
    expect(messages).toHaveLength(9)
    const handles = messages.map(({ receiptHandle }) => receiptHandle)
    expect(
      await extend(
        engine,
        'orders',
        handles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds: 60 })),
      ),
    ).toEqual(handles.map(() => ({ ok: true })))
    expect(await nack(engine, 'orders', [{ receiptHandle: handles[0] ?? '' }])).toEqual([{ ok: true }])
    expect(await ack(engine, 'orders', handles.slice(1))).toEqual(handles.slice(1).map(() => ({ ok: true })))
    await clock.advance(1)
  },
  'ack with a result': async ({ engine, owner }) => {
    await keepResults(owner)
    await published(owner, 'orders', [{ body: 'a' }])
    const { receiptHandle } = await received(engine)
    expect(await ack(engine, 'orders', [{ receiptHandle, result: 'done' }])).toEqual([{ ok: true }])
  },
  'ack in a transaction, with an id too': async ({ engine, owner, client, clock }) => {
    await publish(owner, 'orders', [{ body: 1 }, { body: 2 }])
    const messages = await poll(owner, 'orders', { maxMessages: 2 })
    for (const message of messages) {
      const tx = createClient({ engine }).transaction({ transactionId: message.messageId })
      tx.ack(message, { queue: 'orders' })
      await committedUnanswered(tx, client, clock)
    }
  },
  'move an exhausted message to the dead-letter queue': async ({ engine, owner, clock }) => {
    await published(owner, 'orders', [{ body: LARGE }])
    await poll(owner, 'orders', { visibilityTimeoutSeconds: 1 })
    await clock.advance(2_000)
    expect(await poll(engine, 'orders')).toEqual([])
    expect(await poll(owner, 'orders-failed')).toHaveLength(1)
  },
  'read a message by id': async ({ engine, owner }) => {
    const id = await published(owner, 'orders', [{ body: LARGE }])
    await getMessage(engine, 'orders', id)
  },
  'browse messages': async ({ engine, owner }) => {
    await published(owner, 'orders', [{ body: 'a' }])
    expect((await browse(engine, 'orders')).messages).toHaveLength(1)
  },
  'count messages': async ({ engine, owner }) => {
    await published(owner, 'orders', [{ body: 'a' }])
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 1 })
  },
  'browse and count messages of message groups': async ({ engine, owner }) => {
    await published(owner, 'orders', [{ body: 'a', groupId: 'tenant' }])
    expect((await browse(engine, 'orders')).messages).toHaveLength(1)
    expect(await counts(engine, 'orders')).toMatchObject({ ready: 1 })
  },
  'read the settings': ({ engine }) => getQueue(engine, 'orders'),
  'wait for the result of a message': async ({ engine, owner, clock }) => {
    await keepResults(owner)
    await clock.advance(10_000)
    const id = await published(owner, 'orders', [{ body: 'a' }])
    expect(await messageStatus(engine, 'orders', id)).toMatchObject({ state: 'ready' })
    await ack(owner, 'orders', [{ receiptHandle: (await received(owner)).receiptHandle, result: 'done' }])
    expect(await awaitResult(engine, 'orders', id)).toMatchObject({ result: 'done' })
    // Of one that is gone for good, without a trace.
    const cancelled = await published(owner, 'orders', [{ body: 'b' }])
    await cancelMessage(owner, 'orders', cancelled)
    await clock.advance(10_000_000)
    expect(await messageStatus(engine, 'orders', cancelled)).toEqual({ state: 'gone' })
  },
  'cancel a message': async ({ engine, owner }) => {
    await cancelMessage(engine, 'orders', await published(owner, 'orders', [{ body: 'a' }]))
    await publish(owner, 'orders', [{ body: 'a' }, { body: 'b' }])
    const [first] = (await browse(owner, 'orders')).messages
    await cancelMessage(engine, 'orders', first?.messageId ?? '')
  },
  'cancel a message of a queue that keeps results': async ({ engine, owner }) => {
    await keepResults(owner)
    await cancelMessage(engine, 'orders', await published(owner, 'orders', [{ body: 'a' }]))
  },
  'reschedule a message': async ({ engine, owner }) => {
    const body = LARGE
    for (const groupId of [undefined, 'tenant']) {
      const id = await published(owner, 'orders', [{ body, ...(groupId && { groupId }) }])
      await rescheduleMessage(engine, 'orders', id, { delaySeconds: 60 })
      await rescheduleMessage(engine, 'orders', id, { delaySeconds: 90 })
    }
    const leased = await published(owner, 'orders', [{ body: 'received before' }])
    const { receiptHandle } = await received(owner)
    await nack(owner, 'orders', [{ receiptHandle, delaySeconds: 60 }])
    await rescheduleMessage(engine, 'orders', leased, { delaySeconds: 1 })
  },
  'change the settings': ({ engine }) => updateQueue(engine, 'orders', { settings: { delaySeconds: 1, shards: 2 } }),
  'purge the queue': ({ engine }) => purgeQueue(engine, 'orders'),
  'delete the queue': ({ engine }) => deleteQueue(engine, 'orders'),
  'create a queue': ({ engine }) => createQueue(engine, 'orders-more'),
  'list the queues': ({ engine }) => listQueueNames(engine),
  'start a redrive': ({ engine }) => startRedrive(engine, 'orders', {}),
  'publish to an unrelated queue': ({ engine }) =>
    any(['orders2', 'invoices'].map((queue) => () => published(engine, queue, [{ body: 'stray' }]))),
  'receive from an unrelated queue, or from the dead-letter queue': async ({ engine, owner }) => {
    const others = ['orders2', 'invoices', 'orders-failed']
    for (const queue of others) await published(owner, queue, [{ body: 'not yours' }])
    await any(others.map((queue) => () => received(engine, queue)))
  },

  "read the queue's messages": async (rights) => {
    const { header, body } = await keysOfMessage(rights, 'orders', LARGE)
    const keys = [header, body].map(({ pk, sk }) => ({ pk: pk.S, sk: sk.S }))
    const { client, table } = rights
    await any([
      ...readAnything(rights, keys),
      async () => {
        const { BatchGetItemCommand } = await import('@aws-sdk/client-dynamodb')
        await client.send(new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [header, body] } } }))
      },
    ])
  },
  'read the results of messages': async (rights) => {
    const { generation } = await rights.owner.queues.get('orders')
    await any(readAnything(rights, [{ pk: `o#orders#${generation}#0#90`, sk: 's0' }]))
  },
  'write the result of a message': put((generation) => ({ pk: `o#orders#${generation}#0#90`, sk: 's0' })),
  'delete a message whose id is known': async (rights) => {
    const { header } = await keysOfMessage(rights, 'orders', 'a')
    await rights.client.send(new DeleteItemCommand({ TableName: rights.table, Key: header }))
  },
  'overwrite a message whose id is known': async (rights) => {
    const { header } = await keysOfMessage(rights, 'orders', 'a')
    await rights.client.send(new PutItemCommand({ TableName: rights.table, Item: header }))
  },
  'change the state of a message whose id is known': async (rights) => {
    const { header } = await keysOfMessage(rights, 'orders', 'a')
    await rights.client.send(new UpdateItemCommand({ TableName: rights.table, Key: header }))
  },
  'add shards to the queue, or hide its surplus shards and message groups from pollers': put(() => ({
    pk: 'n#orders',
    sk: 'n',
  })),
  "rewrite the queue's record: settings, policy, dead-letter queue": (rights) =>
    any(writeAnything(rights, [{ pk: 'q#orders', sk: 'q' }])),
  'overwrite a deduplication id, or an idempotency key': async (rights) => {
    const { generation } = await rights.owner.queues.get('orders')
    const keys = ['d', 'u'].map((kind) => ({ pk: `${kind}#orders#${generation}#0123abcd`, sk: kind }))
    await any(writeAnything(rights, keys))
  },
  'overwrite the marker of a transaction that has an id': put(() => ({ pk: 'x#orders#one', sk: 'x' })),
  'overwrite the receive attempt of a poll of a FIFO queue, or the fence of a message group': async (rights) => {
    const { generation } = await rights.owner.queues.get('orders')
    const keys = [
      { pk: `p#orders#${generation}#0123abcd`, sk: 'p' },
      { pk: `f#orders#${generation}#01234567`, sk: 'f' },
    ]
    await any(
      keys.map(
        ({ pk, sk }) =>
          () =>
            put(() => ({ pk, sk }))(rights),
      ),
    )
  },
  'change the ticket of a message group': async ({ client, table, owner }) => {
    const { generation } = await owner.queues.get('orders')
    const Key = { pk: { S: `t#orders#${generation}#0` }, sk: { S: '01234567!' } }
    await client.send(new UpdateItemCommand({ TableName: table, Key }))
  },
  'delete the ticket of a message group': async ({ client, table, owner }) => {
    const { generation } = await owner.queues.get('orders')
    const Key = { pk: { S: `t#orders#${generation}#0` }, sk: { S: '01234567!' } }
    await client.send(new DeleteItemCommand({ TableName: table, Key }))
  },
  'write an in-flight snapshot': put((generation) => ({ pk: `h#orders#${generation}#0`, sk: '9' })),
  'write an early release': put((generation) => ({ pk: `e#orders#${generation}#0`, sk: '9' })),
  'add a message to the dead-letter queue': put(
    (generation) => ({ pk: `s#orders-failed#${generation}#0`, sk: '9' }),
    'orders-failed',
  ),
  'read or delete a message of the dead-letter queue': async (rights) => {
    const { header, body } = await keysOfMessage(rights, 'orders-failed', LARGE)
    const keys = [header, body].map(({ pk, sk }) => ({ pk: pk.S, sk: sk.S }))
    await any([
      ...readAnything(rights, keys),
      () => rights.client.send(new DeleteItemCommand({ TableName: rights.table, Key: header })),
      () => rights.client.send(new UpdateItemCommand({ TableName: rights.table, Key: header })),
    ])
  },
  'rewrite the record of the dead-letter queue': (rights) =>
    any(
      writeAnything(rights, [
        { pk: 'q#orders-failed', sk: 'q' },
        { pk: 'n#orders-failed', sk: 'n' },
      ]),
    ),
  "read or write anything of a queue whose name begins with this one's": async (rights) => {
    const keys = keysIn('orders2', (await rights.owner.queues.get('orders2')).generation)
    await any([...readAnything(rights, keys), ...writeAnything(rights, keys)])
  },
  'write to the list of queues, or to a redrive': (rights) =>
    any(
      writeAnything(rights, [
        { pk: 'l#', sk: 'orders' },
        { pk: 'r#', sk: 'orders' },
        { pk: 'r#orders', sk: '0' },
      ]),
    ),
  'scan the table, or write to it in batches': ({ client, table }) =>
    any([
      () => client.send(new ScanCommand({ TableName: table })),
      () =>
        client.send(
          new BatchWriteItemCommand({
            RequestItems: { [table]: [{ DeleteRequest: { Key: { pk: { S: 'q#orders' }, sk: { S: 'q' } } } }] },
          }),
        ),
    ]),
}

/** The attempts that go through the library. */
const LIBRARY_ATTEMPTS = Object.entries(ATTEMPTS)
  .filter(([what]) => guide.library.includes(what))
  .map(([, attempt]) => attempt)

/** What a standard queue needs rights for only in some states. */
const MORE_ATTEMPTS: readonly Attempt[] = [
  // Snapshots and early releases, once many messages are in flight.
  async ({ engine, owner, clock }) => {
    await updateQueue(owner, 'orders', { settings: { visibilityTimeoutSeconds: 600 } })
    for (let n = 0; n < 120; n++) await published(owner, 'orders', [{ body: n }])
    await clock.advance(3_000)
    const messages: Message[] = []
    while (messages.length < 120) messages.push(...(await poll(engine, 'orders', { maxMessages: 25 })))
    await clock.advance(3_000)
    await poll(engine, 'orders')
    await nack(engine, 'orders', [{ receiptHandle: messages[10]?.receiptHandle ?? '' }])
    await clock.advance(3_000)
    await poll(engine, 'orders')
  },
  // The same for one who cancels and reschedules.
  async ({ engine, owner, clock }) => {
    await updateQueue(owner, 'orders', { settings: { visibilityTimeoutSeconds: 600 } })
    for (let n = 0; n < 120; n++) await published(owner, 'orders', [{ body: n }])
    await clock.advance(3_000)
    const messages: Message[] = []
    while (messages.length < 120) messages.push(...(await poll(owner, 'orders', { maxMessages: 25 })))
    await clock.advance(3_000)
    await poll(owner, 'orders')
    const [first] = messages
    await nack(owner, 'orders', [{ receiptHandle: first?.receiptHandle ?? '', delaySeconds: 500 }])
    await rescheduleMessage(engine, 'orders', first?.messageId ?? '', { delaySeconds: 1 })
  },
  // Leases that another consumer has now: the embedded engine does not say what a batch's condition met, so it is read.
  async ({ engine, owner, clock }) => {
    await updateQueue(owner, 'orders', { settings: { deadLetter: null, visibilityTimeoutSeconds: 1 } })
    for (let n = 0; n < 3; n++) await published(owner, 'orders', [{ body: n }])
    const lost = await poll(engine, 'orders', { maxMessages: 3 })
    await clock.advance(2_000)
    await poll(owner, 'orders', { maxMessages: 3 })
    const handles = lost.map(({ receiptHandle }) => receiptHandle)
    for (const result of await ack(engine, 'orders', handles)) {
      expect(result).toMatchObject({ ok: false, error: { code: 'LeaseLost' } })
    }
  },
  // A message that was moved is found by its id.
  async ({ engine, owner }) => {
    const id = await published(owner, 'orders', [{ body: 'a', delaySeconds: 60 }])
    await rescheduleMessage(owner, 'orders', id, { delaySeconds: 1 })
    expect(await getMessage(engine, 'orders', id)).toMatchObject({ body: 'a' })
  },
  // A shard too many is retired.
  async ({ engine, owner, clock }) => {
    await updateQueue(owner, 'orders', { settings: { shards: 2 } })
    await updateQueue(owner, 'orders', { settings: { shards: 1 } })
    await clock.advance(60_000)
    await poll(engine, 'orders')
    expect((await owner.queues.fresh('orders')).pollShards).toBe(1)
  },
]

const step = (id: string): NewMessage[] => [{ body: id, groupId: 'g', deduplicationId: id }]

const STEP_ATTEMPTS: readonly Attempt[] = [
  async ({ engine, owner }) => {
    for (const id of ['one', 'two', 'two']) await published(engine, 'steps.fifo', step(id))
    await ack(owner, 'steps.fifo', [(await received(owner, 'steps.fifo')).receiptHandle])
    await published(engine, 'steps.fifo', step('one'))
  },
  // Looked for where it was moved to.
  async ({ engine, owner }) => {
    await updateQueue(owner, 'orders', { settings: { deduplicationMode: 'pending' } })
    const id = await published(owner, 'orders', [{ body: 'later', deduplicationId: 'one', delaySeconds: 60 }])
    await rescheduleMessage(owner, 'orders', id, { delaySeconds: 1 })
    await published(engine, 'steps.fifo', step('one'))
  },
  async ({ engine, owner, clock }) => {
    for (const id of ['one', 'two', 'three']) await published(owner, 'steps.fifo', step(id))
    const [first] = await poll(engine, 'steps.fifo', { attemptId: 'first' })
    expect(await poll(engine, 'steps.fifo', { attemptId: 'first' })).toMatchObject([{ body: 'one' }])
    await ack(engine, 'steps.fifo', [first?.receiptHandle ?? ''])
    await poll(engine, 'steps.fifo', { maxMessages: 2, visibilityTimeoutSeconds: 0 })
    await clock.advance(1)
    expect(await poll(engine, 'steps.fifo', { maxMessages: 10 })).toEqual([])
  },
  async ({ engine, owner }) => {
    await cancelMessage(engine, 'steps.fifo', await published(owner, 'steps.fifo', step('one')))
  },
]

const FAIR_ATTEMPTS: readonly Attempt[] = [
  async ({ engine, owner, clock }) => {
    for (let n = 0; n < 4; n++) await published(owner, 'fair', [{ body: n, groupId: `tenant-${n % 2}` }])
    const messages = await poll(engine, 'fair', { maxMessages: 4 })
    await ack(
      engine,
      'fair',
      messages.map(({ receiptHandle }) => receiptHandle),
    )
    for (let n = 0; n < 4; n++) {
      await clock.advance(5_000)
      expect(await poll(engine, 'fair')).toEqual([])
    }
  },
]

describe("the guide's list of what each grant can do", () => {
  test('has a column for each grant and a line for each attempt, and no others', () => {
    expect(guide.columns).toEqual(Object.keys(ROLES))
    expect(guide.rows.map(([what]) => what)).toEqual(Object.keys(ATTEMPTS))
    for (const [, cells] of guide.rows) expect(cells.filter((cell) => cell !== 'yes' && cell !== 'no')).toEqual([])
  })
})

describe.skipIf(noEmbedded())('a role with a grant on one queue', () => {
  let gate: IamGate
  const clients: { destroy(): void }[] = []
  const clientAs = (role: string, caller: string): DynamoDBClient => {
    const client = localClient(gate.endpointFor(caller, statementsOf(role)))
    clients.push(client)
    return client
  }
  /** Engines of each process, on one clock. */
  const engineOn = (client: DynamoDBClient, clock: ManualClock, seed = 1): Engine =>
    testEngine({ store: dynamodbStore({ client, table: embedded.table, clock }), clock, seed })
  let owner: Engine
  let clock: ManualClock

  beforeAll(async () => {
    embedded = await embeddedTable()
    gate = await startIamGate(embedded.endpoint)
  })
  const emptyTable = async () => {
    const { client, table } = embedded
    for (;;) {
      const { Items = [] } = await client.send(
        new ScanCommand({ TableName: table, ProjectionExpression: 'pk, sk', Limit: 25 }),
      )
      if (Items.length === 0) return
      const requests = Items.map((Key) => ({ DeleteRequest: { Key } }))
      await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }))
    }
  }

  /** Each attempt finds its queues new. */
  const renewQueues = async () => {
    clock = manualClock((clock?.now() ?? 1_772_366_400_000) + 1_000)
    owner = engineOn(embedded.client, clock, 9)
    await emptyTable()
    for (const name of ['orders-failed', 'orders2', 'invoices']) await createQueue(owner, name)
    await createQueue(owner, 'orders', { settings: { deadLetter: { queue: 'orders-failed', maxReceives: 1 } } })
    await createQueue(owner, 'fair', { settings: { maxInFlightPerGroup: 2 } })
    await createQueue(owner, 'steps-failed.fifo', { settings: { fifo: DEFAULT_FIFO } })
    const deadLetter = { queue: 'steps-failed.fifo', maxReceives: 1 }
    await createQueue(owner, 'steps.fifo', {
      settings: { fifo: DEFAULT_FIFO, deduplicationMode: 'pending', deadLetter },
    })
  }
  beforeEach(renewQueues)
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await gate?.stop()
    embedded?.close()
  })

  const outcome = async (what: string, role: string): Promise<'yes' | 'no'> => {
    const client = clientAs(role, `${role}-${what.replaceAll(/\W/g, '')}`)
    return outcomeOf(ATTEMPTS[what] as Attempt, client)
  }

  const outcomeOf = async (attempt: Attempt, client: DynamoDBClient): Promise<'yes' | 'no'> => {
    try {
      await attempt({ engine: engineOn(client, clock), client, owner, table: embedded.table, clock })
      return 'yes'
    } catch (error) {
      if (isRefusal(error)) return 'no'
      throw error
    }
  }

  describe.each(guide.rows)('can %s', (what, cells) => {
    test.each(guide.columns.map((column, at) => [column, cells[at] ?? '']))('with %s: %s', async (column, expected) => {
      expect(await outcome(what, ROLES[column] ?? '')).toBe(expected)
    })
  })

  test.each(guide.columns)('has no right that it never uses, with %s', async (column) => {
    const role = ROLES[column] ?? ''
    const callers = [ROLES, STEP_ROLES, FAIR_ROLES].map((roles) => roles[column] ?? '')
    const [client, stepClient, fairClient] = callers.map((name) => clientAs(name, `${name}-all`)) as [
      DynamoDBClient,
      DynamoDBClient,
      DynamoDBClient,
    ]
    for (const attempt of [...LIBRARY_ATTEMPTS, ...MORE_ATTEMPTS]) {
      await renewQueues()
      await outcomeOf(attempt, client)
    }
    for (const attempt of STEP_ATTEMPTS) {
      await renewQueues()
      await outcomeOf(attempt, stepClient)
    }
    for (const attempt of FAIR_ATTEMPTS) {
      await renewQueues()
      await outcomeOf(attempt, fairClient)
    }
    const used = callers.flatMap((name) => gate.accessesBy(`${name}-all`))
    const unused = statementsOf(role).flatMap((statement) =>
      actionsOf(statement).flatMap((action) =>
        keysOf(statement)
          .filter((pattern) => !used.some((access) => access.action === action && isUse(pattern, access.leadingKeys)))
          .map((pattern) => `${action} ${pattern}`),
      ),
    )
    expect(unused).toEqual([])
  })
})

/** Whether a key that was used is one that a pattern for `orders` covers: other queues stand for it. */
const isUse = (pattern: string, keys: readonly string[]): boolean =>
  keys.some((key) =>
    like(
      pattern,
      key.replace(/#(steps-failed\.fifo|orders-failed)/, '#orders-failed').replace(/#(steps\.fifo|fair)/, '#orders'),
    ),
  )
