import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam'
import { keyStatements } from './function.ts'
import { FUNCTIONS, type TableAction } from './functions.ts'

/**
 * Rights on single queues for roles that use the library on the table itself. Every partition key names its queue
 * right after the letter of its kind, so `dynamodb:LeadingKeys` can tell queues apart:
 *
 *     s#<queue>#…  segments    b#<queue>#…  bodies            a#<queue>#…  where moved messages are
 *     q#<queue>    settings    t#<queue>#…  tickets of groups  d#<queue>#…  deduplication and attempt ids
 */
const keysOf = (queue: string, kinds: string): string[] =>
  [...kinds].map((kind) => (kind === 'q' ? `q#${queue}` : `${kind}#${queue}#*`))

export interface ConsumedQueue {
  readonly queue: string
  /** Where its consumer moves messages that used up their receives. */
  readonly deadLetterQueue?: string | undefined
}

export const grantPublish = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantKeys(table, grantee, FUNCTIONS.publish.tableActions, keysOf(queue, 'qsbadt'))

/** Polling, and acking, extending and nacking what was polled. */
export const grantConsume = (table: Table, { queue, deadLetterQueue }: ConsumedQueue, grantee: IGrantable): Grant => {
  const actions = [...new Set([...FUNCTIONS.poll.tableActions, ...FUNCTIONS.ack.tableActions])].sort()
  const grant = grantKeys(table, grantee, actions, keysOf(queue, 'qsbadt'))
  if (deadLetterQueue === undefined) return grant
  // A consumer only adds to the dead-letter queue: it can neither read nor remove what others put there.
  return grant
    .combine(grantKeys(table, grantee, ['GetItem'], keysOf(deadLetterQueue, 'q')))
    .combine(grantKeys(table, grantee, ['PutItem', 'UpdateItem'], keysOf(deadLetterQueue, 'sbat')))
}

const grantKeys = (table: Table, grantee: IGrantable, actions: readonly TableAction[], keys: string[]): Grant => {
  const grant = Grant.addToPrincipal({
    grantee,
    actions: actions.map((action) => `dynamodb:${action}`),
    resourceArns: [table.tableArn],
    conditions: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
      // "For all of no values" holds too: a request that names no key must not pass.
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
  })
  for (const statement of keyStatements(table)) grantee.grantPrincipal.addToPrincipalPolicy(statement)
  return grant
}
