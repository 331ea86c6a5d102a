/** The commands of AWS that doctor prints, run as they are printed by a shell, with a stand-in for the `aws` command. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tableTarget } from '../../cli/target/table-target.ts'
import { createEngine } from '../../lib/engine.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { dynamodbStore } from '../../lib/store/dynamodb/dynamodb-store.ts'
import { TABLE_SHAPE } from '../../lib/store/keys.ts'
import { setTrigger } from '../../lib/triggers/trigger.ts'
import { type AwsCommandParts, startAwsCommand } from '../support/aws-command.ts'
import { type EmbeddedTable, embeddedTable, localClient, noEmbedded } from '../support/embedded.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runCommand } from './command.ts'

const ttl = ({ client, table }: EmbeddedTable, Enabled: boolean, AttributeName: string = TABLE_SHAPE.timeToLive) =>
  client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: { AttributeName, Enabled } }))

const world = async (instead: AwsCommandParts['instead'] = {}) => {
  const embedded = await embeddedTable()
  await ttl(embedded, true)
  const aws = await startAwsCommand({ directory: await temporaryDirectory(), client: embedded.client, instead })
  onTestFinished(async () => {
    await aws.stop()
    embedded.close()
  })
  /** Runs what a finding prints, as somebody who copies it. */
  const shell = async (command: string): Promise<string> => {
    const env = { PATH: `${aws.path}:${process.env.PATH}` }
    return (await promisify(execFile)('sh', ['-c', command], { env })).stdout
  }
  return { embedded, aws, shell }
}

const doctor = async (
  embedded: EmbeddedTable,
  args: readonly string[] = [],
  client = localClient(embedded.endpoint),
) => {
  const target = tableTarget({ table: embedded.table, client })
  return (await runCommand(['doctor', ...args], { target })).records
}

describe.skipIf(noEmbedded())('a command of AWS that doctor prints', () => {
  test('turns off the TTL of another attribute, so that the next one can turn on the right one', async () => {
    const { embedded, shell } = await world()
    await ttl(embedded, false)
    await ttl(embedded, true, 'expires')
    const [{ code, cures }] = await doctor(embedded)
    expect(code).toBe('ttl-off')
    await shell(cures[0].command)
    expect(cures[1].command).toContain('holdfast doctor --enable-ttl')
    expect(await doctor(embedded, ['--enable-ttl', '--yes'])).toEqual([])
  })

  test('turns on the stream', async () => {
    const { embedded, shell } = await world()
    const engine = createEngine({ store: dynamodbStore(embedded) })
    await createQueue(engine, 'orders', {})
    await setTrigger(engine, { queue: 'orders', functionName: 'work', functionTimeoutSeconds: 10 })
    const [{ code, cures }] = await doctor(embedded)
    expect(code).toBe('stream-missing')
    await shell(cures[0].command)
    expect(await doctor(embedded)).toEqual([])
  })

  test('shows the tables that there are, where the one that was named is missing', async () => {
    const { embedded, shell } = await world()
    const target = tableTarget({ table: 'nowhere', client: localClient(embedded.endpoint) })
    const [{ code, cures }] = (await runCommand(['doctor'], { target })).records
    expect(code).toBe('table-missing')
    expect(JSON.parse(await shell(cures[0].command)).TableNames).toContain(embedded.table)
  })

  test.each([
    ['role', 'arn:aws:sts::123456789012:assumed-role/ops/me', 'ops'],
    ['user', 'arn:aws:iam::123456789012:user/people/ann', 'ann'],
  ])('gives a %s the rights that it lacks', async (kind, caller, name) => {
    let granted: readonly string[] = []
    const { embedded, aws, shell } = await world({
      [`iam put-${kind}-policy`]: ({ PolicyDocument, RoleName, UserName }) => {
        expect(RoleName ?? UserName).toBe(name)
        granted = JSON.parse(String(PolicyDocument)).Statement[0].Action
        return ''
      },
    })
    const client = localClient(embedded.endpoint)
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName !== 'PutItemCommand' || granted.includes('dynamodb:PutItem')) return next(args)
          const table = `arn:aws:dynamodb:us-east-1:123456789012:table/${embedded.table}`
          const message = `User: ${caller} is not authorized to perform: dynamodb:PutItem on resource: ${table} because no identity-based policy allows it`
          throw Object.assign(new Error(message), { name: 'AccessDeniedException' })
        },
      { step: 'initialize' },
    )
    const target = tableTarget({ table: embedded.table, client })
    const findings = async () =>
      (await runCommand(['doctor'], { target: { ...target, close: async () => {} } })).records
    const [{ code, cures }] = await findings()
    expect(code).toBe('rights-missing')
    await shell(cures[0].command)
    expect(aws.runs).toEqual([`iam put-${kind}-policy`])
    expect(await findings()).toEqual([])
  })
})

test.skipIf(noEmbedded())('the stand-in refuses an option that the action does not have', async () => {
  const { shell } = await world()
  await expect(shell('aws dynamodb update-table --table-name t --stream StreamEnabled=true')).rejects.toThrow()
  await expect(shell('aws dynamodb update-table --table-name t --stream-specification Enabled=true')).rejects.toThrow()
})
