import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Grant, type IGrantable, UnknownPrincipal } from 'aws-cdk-lib/aws-iam'
import { checkQueueName } from '../lib/model/queue-settings.ts'
import { keyStatements, named, onKeys } from './function.ts'
import type { TableAction } from './functions.ts'

/**
 * Rights on single queues, for roles that use the library on the table itself. Every partition key names its queue
 * right after the letter of its kind, so `dynamodb:LeadingKeys` can tell queues apart:
 *
 *     q#<queue>    settings    s#<queue>#…  segments           a#<queue>#…  where moved messages are
 *     n#<queue>    layout      b#<queue>#…  bodies             d#<queue>#…  deduplication and attempt ids, fences
 *     h#<queue>#…  hints       t#<queue>#…  tickets of groups
 *
 * `docs/deploy.md` lists what each grant can do; `test/infra/grants.test.ts` holds that list.
 */
type Rights = Readonly<Record<string, readonly TableAction[]>>

/** Kinds whose whole partition key is the queue's name: nothing follows it. */
const WHOLE_KEYS = new Set(['q', 'n'])

/** By kinds of keys; a batch of reads can be of several. */
const PUBLISH: Rights = {
  q: ['GetItem'],
  // That the queue needs more shards, and that it has message groups.
  n: ['GetItem', 'PutItem'],
  sb: ['PutItem'],
  t: ['UpdateItem'],
  d: ['GetItem', 'PutItem'],
}

/** What a publisher needs besides where an id is taken as long as its message is pending: it looks for the message. */
const LOOK_FOR_PENDING: Rights = { s: ['Query'], sb: ['BatchGetItem'], a: ['GetItem'] }

const CONSUME: Rights = {
  q: ['GetItem'],
  // That a surplus shard is empty.
  n: ['GetItem', 'PutItem'],
  s: ['DeleteItem', 'GetItem', 'PartiQLDelete', 'PartiQLUpdate', 'Query', 'UpdateItem'],
  sb: ['BatchGetItem'],
  t: ['DeleteItem', 'Query', 'UpdateItem'],
  d: ['GetItem', 'PutItem'],
  h: ['GetItem', 'PutItem', 'Query'],
}

/** A consumer only adds to the dead-letter queue: it can neither read nor delete there. */
const DEAD_LETTER: Rights = {
  q: ['ConditionCheckItem', 'GetItem'],
  n: ['GetItem'],
  sba: ['PutItem'],
  t: ['UpdateItem'],
}

const BROWSE: Rights = {
  qna: ['GetItem'],
  s: ['Query'],
  sb: ['BatchGetItem'],
  t: ['Query'],
}

const MANAGE: Rights = {
  qn: ['PutItem'],
  // Cancelling and rescheduling messages.
  s: ['DeleteItem', 'PutItem', 'UpdateItem'],
  b: ['PutItem'],
  a: ['PutItem'],
  t: ['UpdateItem'],
  h: ['GetItem', 'PutItem'],
}

export interface PublishGrant {
  /**
   * For a queue with `deduplicationMode: 'pending'`: also lets the role read the queue's messages, to see whether the
   * message of a deduplication id is still there. @default what the queue's declaration says, otherwise false
   */
  readonly pendingIds?: boolean
}

export interface ConsumedQueue {
  readonly queue: string
  /** Where its consumer moves messages that used up their receives. */
  readonly deadLetterQueue?: string | undefined
}

export const grantPublish = (
  table: Table,
  queue: string,
  grantee: IGrantable,
  { pendingIds = false }: PublishGrant = {},
): Grant => grantRights(table, grantee, queue, pendingIds ? [PUBLISH, LOOK_FOR_PENDING] : [PUBLISH])

export const grantConsume = (table: Table, { queue, deadLetterQueue }: ConsumedQueue, grantee: IGrantable): Grant => {
  if (deadLetterQueue !== undefined) checkGrant(grantee, deadLetterQueue)
  const grant = grantRights(table, grantee, queue, [CONSUME])
  if (deadLetterQueue === undefined) return grant
  return grant.combine(grantRights(table, grantee, deadLetterQueue, [DEAD_LETTER]))
}

export const grantBrowse = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantRights(table, grantee, queue, [BROWSE])

export const grantManage = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantRights(table, grantee, queue, [BROWSE, MANAGE])

/**
 * Refuses a grant that would be more than its words say, or nothing: a name that no queue can have (`*` would be every
 * queue), and a grantee whose policy this app can't change.
 */
export const checkGrant = (grantee: IGrantable, queue: string): void => {
  checkQueueName(queue)
  if (grantee.grantPrincipal instanceof UnknownPrincipal) {
    throw new Error(
      `the grant on queue ${queue} has no role to go to: import the function with its role, or grant to the role itself`,
    )
  }
}

const grantRights = (table: Table, grantee: IGrantable, queue: string, rights: readonly Rights[]): Grant => {
  checkGrant(grantee, queue)
  const grants = rights
    .flatMap((one) => Object.entries(one))
    .map(([kinds, actions]) =>
      Grant.addToPrincipal({
        grantee,
        actions: named(actions),
        resourceArns: [table.tableArn],
        conditions: onKeys(keysOf(queue, kinds)),
      }),
    )
  for (const statement of keyStatements(table)) grantee.grantPrincipal.addToPrincipalPolicy(statement)
  return grants.reduce((all, one) => all.combine(one))
}

const keysOf = (queue: string, kinds: string): string[] =>
  [...kinds].map((kind) => (WHOLE_KEYS.has(kind) ? `${kind}#${queue}` : `${kind}#${queue}#*`))
