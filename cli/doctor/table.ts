import { DescribeTableCommand, type TableDescription } from '@aws-sdk/client-dynamodb'
import { serverClock } from '../../lib/store/dynamodb/server-clock.ts'
import { timeToLiveProblem } from '../../lib/store/dynamodb/table.ts'
import { TABLE_SHAPE } from '../../lib/store/keys.ts'
import { triggers } from '../../lib/triggers/trigger.ts'
import type { TableAccess } from '../target/target.ts'
import { clockSkew } from './clock-skew.ts'
import { type Finding, holdfastCommand, isDenied, notChecked } from './finding.ts'
import { missingRights } from './rights.ts'

/** A table under examination. */
interface Examined extends TableAccess {
  /** The options of `holdfast` that lead to the table. */
  readonly options: string
  /** For commands of the AWS CLI: the table and its region. */
  readonly awsOptions: string
}

/**
 * Finds the faults of a table itself. Changes nothing.
 *
 * @param now the clock of this machine, epoch ms
 * @returns the findings, and whether the table's queues can be examined
 */
export const tableFindings = async (
  access: TableAccess,
  options: string,
  now: () => number,
): Promise<{ readonly findings: readonly Finding[]; readonly usable: boolean }> => {
  const region = await access.client.config.region()
  const table = { ...access, options, awsOptions: `--table-name ${access.name} --region ${region}` }
  const clock = serverClock(access.client)
  const described = await describe(table)
  if ('finding' in described && !described.usable) return { findings: [described.finding], usable: false }
  const findings = [
    ...('finding' in described ? [described.finding] : await missingStream(table, described.table)),
    ...(await timeToLive(table)),
    ...(await missingRights(access, 'table' in described ? described.table.TableArn : undefined)),
    ...clockSkew(clock, now()),
  ]
  return { findings, usable: true }
}

type Described =
  | { readonly table: TableDescription }
  | { readonly finding: Finding /** Whether the table may exist in spite of the finding. */; readonly usable: boolean }

const describe = async ({ client, name, awsOptions }: Examined): Promise<Described> => {
  try {
    const { Table = {} } = await client.send(new DescribeTableCommand({ TableName: name }))
    return { table: Table }
  } catch (error) {
    if (isDenied(error)) return { finding: notChecked('whether its stream is on', error), usable: true }
    if ((error as Error).name !== 'ResourceNotFoundException') return { finding: unreachable(error), usable: false }
    const region = awsOptions.slice(awsOptions.indexOf('--region'))
    const cures = [
      { command: `aws dynamodb list-tables ${region}`, effect: 'see the tables of this region and account' },
      { effect: 'name the right one with --table and --region, or deploy it (docs/deploy.md)' },
    ]
    const what = `the table ${name} does not exist in ${region.replace('--region ', '')}`
    return { finding: { code: 'table-missing', level: 'bad', what, cures }, usable: false }
  }
}

const unreachable = (error: unknown): Finding => ({
  code: 'unreachable',
  level: 'bad',
  what: `DynamoDB can't be asked: ${(error as Error).message}`,
  cures: [{ command: 'aws sts get-caller-identity', effect: 'see whether the credentials are valid' }],
})

const timeToLive = async ({ client, name, options, awsOptions }: Examined): Promise<Finding[]> => {
  try {
    const problem = await timeToLiveProblem(client, name)
    if (problem === undefined) return []
    const enable = { command: holdfastCommand('doctor --enable-ttl', options), effect: 'turn it on' }
    const { otherAttribute } = problem
    const off = otherAttribute !== undefined && {
      command: `aws dynamodb update-time-to-live ${awsOptions} --time-to-live-specification Enabled=false,AttributeName=${otherAttribute}`,
      effect: 'turn that one off first; DynamoDB takes up to an hour',
    }
    const instead = otherAttribute === undefined ? '' : ` (it is on for ${otherAttribute})`
    const what = `the TTL is off for the attribute ${TABLE_SHAPE.timeToLive}${instead}: expired items stay for good, and are paid for`
    return [{ code: 'ttl-off', level: 'bad', what, cures: off ? [off, enable] : [enable] }]
  } catch (error) {
    return [notChecked('whether the TTL is on', error)]
  }
}

const missingStream = async (
  { engine, awsOptions }: Examined,
  { StreamSpecification }: TableDescription,
): Promise<Finding[]> => {
  if (StreamSpecification?.StreamEnabled) return []
  try {
    const triggered: string[] = []
    for await (const { queue, enabled } of triggers(engine)) if (enabled) triggered.push(queue)
    if (triggered.length === 0) return []
    const what = `the table has no stream, and ${triggered.join(', ')} ${triggered.length === 1 ? 'has a trigger' : 'have triggers'}: new messages wait for the next tick`
    const command = `aws dynamodb update-table ${awsOptions} --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES`
    const cures = [
      { command, effect: 'turn the stream on' },
      { effect: 'deploy again, so that the functions read the new stream' },
    ]
    return [{ code: 'stream-missing', level: 'bad', what, cures }]
  } catch (error) {
    return [notChecked('whether queues have triggers', error)]
  }
}
