import { Readable } from 'node:stream'
import {
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  ScanCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tableTarget } from '../../cli/target/table-target.ts'
import { createEngine } from '../../lib/engine.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { TABLE_SHAPE } from '../../lib/store/keys.ts'
import { setTrigger } from '../../lib/triggers/trigger.ts'
import { type EmbeddedTable, embeddedTable, LOCAL_CREDENTIALS, localClient, noEmbedded } from '../support/embedded.ts'
import { type Statement, startIamGate } from '../support/iam-gate.ts'
import { runCommand, type Setting } from './command.ts'
import { printed } from './printed.ts'
import { CTRL_C, inTerminal } from './terminal.ts'

const ttl = ({ client, table }: EmbeddedTable, Enabled: boolean, AttributeName: string = TABLE_SHAPE.timeToLive) =>
  client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: { AttributeName, Enabled } }))

/** A table as a deployment has it: nothing is wrong with it. */
const healthyTable = async (): Promise<EmbeddedTable> => {
  const embedded = await embeddedTable()
  onTestFinished(() => embedded.close())
  await ttl(embedded, true)
  return embedded
}

interface Run extends Setting {
  readonly client?: DynamoDBClient
  readonly table?: string
  readonly args?: readonly string[]
}

const doctor = async (
  embedded: EmbeddedTable,
  { client, table = embedded.table, args = ['doctor'], ...setting }: Run = {},
) => {
  const target = tableTarget({ table, client: client ?? localClient(embedded.endpoint) })
  const ran = await runCommand(args, { target, ...setting })
  return { ...ran, findings: ran.records.map(({ level, code }) => `${level} ${code}`) }
}

/** A client that DynamoDB's front answers in the engine's place, where `answer` does. */
const fronted = (endpoint: string, answer: (command: string, input: Record<string, unknown>) => unknown) => {
  const client = localClient(endpoint)
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const output = answer(context.commandName ?? '', args.input as Record<string, unknown>)
      return output === undefined ? next(args) : { output: output as never, response: {} }
    },
    { step: 'initialize' },
  )
  return client
}

const ACTIONS = [
  'BatchGetItem',
  'ConditionCheckItem',
  'DeleteItem',
  'GetItem',
  'PartiQLDelete',
  'PartiQLUpdate',
  'PutItem',
  'Query',
  'UpdateItem',
]
const OWN_ACTIONS = ['dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive']

const gateFor = async (endpoint: string) => {
  const gate = await startIamGate(endpoint)
  onTestFinished(() => gate.stop())
  const clientOf = (statements: readonly Statement[]) =>
    new DynamoDBClient({
      endpoint: gate.endpointFor('me', statements),
      region: 'us-east-1',
      credentials: LOCAL_CREDENTIALS,
      accountIdEndpointMode: 'disabled',
    })
  return { gate, clientOf }
}

describe.skipIf(noEmbedded())('holdfast doctor of a table', () => {
  test('finds nothing where nothing is wrong, and leaves nothing behind', async () => {
    const embedded = await healthyTable()
    expect(await doctor(embedded)).toMatchObject({ code: 0, findings: [], stderr: '' })
    const { Count } = await embedded.client.send(new ScanCommand({ TableName: embedded.table }))
    expect(Count).toBe(0)
  })

  test('finds that the table is missing', async () => {
    const embedded = await healthyTable()
    const { code, records } = await doctor(embedded, { table: 'nowhere' })
    expect(code).toBe(1)
    expect(records).toMatchObject([
      {
        code: 'table-missing',
        what: 'the table nowhere does not exist in us-east-1',
        cures: [{ command: 'aws dynamodb list-tables --region us-east-1' }, {}],
      },
    ])
  })

  test('finds that DynamoDB does not answer', async () => {
    const embedded = await healthyTable()
    expect(await doctor(embedded, { client: localClient('http://127.0.0.1:9') })).toMatchObject({
      code: 1,
      findings: ['bad unreachable'],
    })
  })

  test('finds that the TTL is off; the command that it prints asks for the name, and turns it on', async () => {
    const embedded = await healthyTable()
    await ttl(embedded, false)
    const { code, findings, records } = await doctor(embedded)
    expect([code, findings]).toEqual([1, ['bad ttl-off']])
    const args = printed(records[0])
    expect(args).toEqual(['doctor', '--enable-ttl', '--table', embedded.table])
    expect(await doctor(embedded, { args })).toMatchObject({ code: 2, stdout: '' })
    const typed = (text: string) => ({
      stdin: Object.assign(Readable.from([Buffer.from(`${text}\n`)]), { isTTY: true }),
      terminal: true,
    })
    expect(await doctor(embedded, { args, ...typed('another') })).toMatchObject({ code: 1, stdout: '' })
    expect(await doctor(embedded)).toMatchObject({ code: 1 })
    expect(await doctor(embedded, { args, ...typed(embedded.table) })).toMatchObject({ code: 0 })
    expect(await doctor(embedded)).toMatchObject({ code: 0, findings: [] })
    const { TimeToLiveDescription } = await embedded.client.send(
      new DescribeTimeToLiveCommand({ TableName: embedded.table }),
    )
    expect(TimeToLiveDescription).toMatchObject({ AttributeName: TABLE_SHAPE.timeToLive })
  })

  test('asks at a terminal before it turns the TTL on', async () => {
    const embedded = await healthyTable()
    await ttl(embedded, false)
    const env = {
      AWS_ENDPOINT_URL_DYNAMODB: embedded.endpoint,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    }
    const where = ['--table', embedded.table, '--region', 'eu-west-1']
    const before = await inTerminal(['doctor', ...where], { env })
    expect(await before.ended).toBe(1)
    expect(before.text()).toContain(`→ holdfast doctor --enable-ttl ${where.join(' ')}   turn it on`)
    const left = await inTerminal(['doctor', '--enable-ttl', ...where], { env })
    await left.shows("Type the table's name")
    left.type(CTRL_C)
    expect(await left.ended).toBe(1)
    expect(left.text()).toContain('nothing was changed')
    const curing = await inTerminal(['doctor', '--enable-ttl', ...where], { env })
    await curing.shows("Type the table's name")
    curing.type(`${embedded.table}\r`)
    expect(await curing.ended).toBe(0)
    expect(curing.text()).toContain('✔ nothing is wrong at table')
  })

  test('turns the TTL on without a question in a script, and does nothing the second time', async () => {
    const embedded = await healthyTable()
    await ttl(embedded, false)
    const args = ['doctor', '--enable-ttl', '--yes']
    expect(await doctor(embedded, { args })).toMatchObject({ code: 0, stderr: expect.stringContaining('is on') })
    expect(await doctor(embedded, { args: ['doctor', '--enable-ttl'] })).toMatchObject({ code: 0, stderr: '' })
  })

  test('says at Ctrl-C whether the TTL was turned on before', async () => {
    const embedded = await healthyTable()
    await ttl(embedded, false)
    const interrupted = async (args: readonly string[]) => {
      let press = () => {}
      const client = fronted(embedded.endpoint, (name) => {
        if (name === 'DescribeTableCommand') press()
        return undefined
      })
      const interrupt = (pressed: () => void) => {
        press = pressed
      }
      return await doctor(embedded, { args, client, interrupt })
    }
    const changed = await interrupted(['doctor', '--enable-ttl', '--yes'])
    expect(changed).toMatchObject({ code: 1, stdout: '' })
    expect(changed.stderr).toContain('interrupted, after the TTL was turned on')
    const unchanged = await interrupted(['doctor', '--enable-ttl', '--yes'])
    expect(unchanged.stderr).toContain('interrupted; nothing was changed')
  })

  test('finds that the TTL is on for another attribute, and does not change that by itself', async () => {
    const embedded = await healthyTable()
    await ttl(embedded, false)
    await ttl(embedded, true, 'expires')
    const { findings, records } = await doctor(embedded)
    expect(findings).toEqual(['bad ttl-off'])
    expect(records[0].cures[0].command).toBe(
      `aws dynamodb update-time-to-live --table-name ${embedded.table} --region us-east-1 --time-to-live-specification Enabled=false,AttributeName=expires`,
    )
    const { code, stderr } = await doctor(embedded, { args: ['doctor', '--enable-ttl', '--yes'] })
    expect(code).toBe(1)
    expect(stderr).toContain('its TTL is on for the attribute expires instead of x')
  })

  test('finds that the stream is missing once a queue has a trigger', async () => {
    const embedded = await healthyTable()
    const engine = createEngine({ store: dynamodbStore(embedded) })
    await createQueue(engine, 'orders', {})
    expect(await doctor(embedded)).toMatchObject({ code: 0, findings: [] })
    await setTrigger(engine, { queue: 'orders', functionName: 'work', functionTimeoutSeconds: 10 })
    const { code, findings, records } = await doctor(embedded)
    expect([code, findings]).toEqual([1, ['bad stream-missing']])
    const [, view = ''] = /StreamViewType=(\w+)/.exec(records[0].cures[0].command) ?? []
    const StreamSpecification = { StreamEnabled: true, StreamViewType: view as 'NEW_AND_OLD_IMAGES' }
    await embedded.client.send(new UpdateTableCommand({ TableName: embedded.table, StreamSpecification }))
    expect(await doctor(embedded)).toMatchObject({ code: 0, findings: [] })
  })

  test.each(ACTIONS)('finds that a role lacks %s alone', async (lacking) => {
    const embedded = await healthyTable()
    const { gate, clientOf } = await gateFor(embedded.endpoint)
    const Action = [...ACTIONS.filter((one) => one !== lacking).map((one) => `dynamodb:${one}`), ...OWN_ACTIONS]
    const { code, records } = await doctor(embedded, { client: clientOf([{ Effect: 'Allow', Action }]) })
    expect(code).toBe(1)
    expect(records[0]).toMatchObject({ code: 'rights-missing', level: 'bad', actions: [`dynamodb:${lacking}`] })
    for (const refusal of gate.takeRefusals()) expect(refusal).toContain(`dynamodb:${lacking} `)
  })

  test.each([
    ['arn:aws:sts::123456789012:assumed-role/ops/me', 'aws iam put-role-policy --role-name ops '],
    ['arn:aws:iam::123456789012:user/people/ann', 'aws iam put-user-policy --user-name ann '],
  ])('prints the policy that gives %s the rights, and it is enough', async (caller, command) => {
    const embedded = await healthyTable()
    const client = fronted(embedded.endpoint, (name, { Statements }) => {
      const message = (action: string) =>
        `User: ${caller} is not authorized to perform: dynamodb:${action} on resource: arn:aws:dynamodb:us-east-1:123456789012:table/${embedded.table} because no identity-based policy allows the dynamodb:${action} action`
      if (name === 'PutItemCommand') {
        throw Object.assign(new Error(message('PutItem')), { name: 'AccessDeniedException' })
      }
      // DynamoDB answers a batch statement by statement.
      const text = (Statements as { Statement: string }[] | undefined)?.[0]?.Statement ?? ''
      return text.startsWith('UPDATE')
        ? { Responses: [{ Error: { Code: 'AccessDenied', Message: message('PartiQLUpdate') } }] }
        : undefined
    })
    const { records } = await doctor(embedded, { client })
    expect(records).toMatchObject([{ actions: ['dynamodb:PartiQLUpdate', 'dynamodb:PutItem'] }])
    const cure: string = records[0].cures[0].command
    expect(cure).toContain(command)
    const { Statement } = JSON.parse(/'(.*)'/.exec(cure)?.[1] ?? '') as { Statement: Statement[] }
    expect(Statement).toMatchObject([{ Resource: expect.stringContaining(`table/${embedded.table}`) }])
    const { clientOf } = await gateFor(embedded.endpoint)
    const own = { Effect: 'Allow', Action: OWN_ACTIONS }
    expect(await doctor(embedded, { client: clientOf([...Statement, own]) })).toMatchObject({ code: 0, findings: [] })
  })

  test('says what it could not check, for want of its own rights', async () => {
    const embedded = await healthyTable()
    const { clientOf } = await gateFor(embedded.endpoint)
    const Action = ACTIONS.map((one) => `dynamodb:${one}`)
    expect(await doctor(embedded, { client: clientOf([{ Effect: 'Allow', Action }]) })).toMatchObject({
      code: 0,
      records: [
        { code: 'not-checked', what: expect.stringContaining('dynamodb:DescribeTable ') },
        { code: 'not-checked', what: expect.stringContaining('dynamodb:DescribeTimeToLive ') },
      ],
    })
  })

  test.each([
    ['bad', 'ahead of', 60_000],
    ['bad', 'behind', -60_000],
    ['warning', 'ahead of', 10_000],
  ])('finds (%s) a clock that is %s DynamoDB by %i ms', async (level, words, skew) => {
    const embedded = await healthyTable()
    const { code, records } = await doctor(embedded, { now: () => Date.now() + skew })
    expect(code).toBe(level === 'bad' ? 1 : 0)
    expect(records).toMatchObject([{ code: 'clock-skew', level, what: expect.stringContaining(words) }])
  })

  test('finds no fault in a clock that is off by a second', async () => {
    const embedded = await healthyTable()
    expect(await doctor(embedded, { now: () => Date.now() + 1_000 })).toMatchObject({ code: 0, findings: [] })
  })
})
