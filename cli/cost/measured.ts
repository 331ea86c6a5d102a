import { DescribeTableCommand, type DynamoDBClient, ListTagsOfResourceCommand } from '@aws-sdk/client-dynamodb'
import { UsageError } from '../../functions/local/usage-error.ts'
import type { UsageAnswer } from '../../functions/local/usage-log.ts'
import { addUsage, NO_USAGE, type Usage } from '../../functions/runtime/usage.ts'
import type { Session } from '../session.ts'
import type { AwsAccess } from './aws.ts'
import { loggedUsage } from './logged-usage.ts'
import { tableUnits, type Units } from './table-units.ts'

/** What a queue used in a period. */
export interface Measured {
  readonly usage: Usage
  /** Epoch ms. */
  readonly from: number
  readonly to: number
  /** Whether `usage` has the units of DynamoDB. */
  readonly metered: boolean
  /** Whether functions behind API Gateway did the work. */
  readonly deployed: boolean
  /** All units of the table, and those of them that functions used; absent where the table's units are not known. */
  readonly table?: { readonly all: Units; readonly byFunctions: Units }
}

export interface MeasureOptions {
  readonly seconds: number
  readonly stack?: string | undefined
}

/** @throws `UsageError` where the target does not count what queues use */
export const measure = async (session: Session, queue: string, options: MeasureOptions): Promise<Measured> => {
  const { target } = session
  if (target.usage) return ofServer(await target.usage(queue, options.seconds, session.signal))
  if (!target.aws) throw new UsageError(`nothing at ${target.name} counts what queues use`)
  return await deployed(session, await target.aws(), queue, options)
}

const ofServer = ({ from, to, metered, queue: _, ...usage }: UsageAnswer): Measured => ({
  usage,
  from: Date.parse(from),
  to: Date.parse(to),
  metered,
  deployed: false,
})

const deployed = async (
  { target, now, sleep }: Session,
  aws: AwsAccess,
  queue: string,
  { seconds, stack: given }: MeasureOptions,
): Promise<Measured> => {
  const to = now()
  const from = to - seconds * 1_000
  const { table } = target
  const stack = given ?? (table && (await stackOf(table.client, table.name)))
  if (stack === undefined) {
    throw new UsageError(
      'name the CloudFormation stack of the functions with --stack: their logs have what queues used',
    )
  }
  const byQueue = await loggedUsage({ aws, stack, from, to, sleep })
  const sum = [...byQueue.values()].reduce((all, usage) => addUsage(all, usage), NO_USAGE)
  return {
    usage: byQueue.get(queue) ?? NO_USAGE,
    from,
    to,
    metered: true,
    deployed: true,
    ...(table && { table: { all: await tableUnits(aws, table.name, { from, to }), byFunctions: sum } }),
  }
}

/** The tag that CloudFormation gives to what it creates. */
const STACK_TAG = 'aws:cloudformation:stack-name'

/** The stack that a table belongs to; undefined where it belongs to none. */
const stackOf = async (client: DynamoDBClient, TableName: string): Promise<string | undefined> => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName }))
  const { Tags = [] } = await client.send(new ListTagsOfResourceCommand({ ResourceArn: Table?.TableArn }))
  return Tags.find(({ Key }) => Key === STACK_TAG)?.Value
}
