import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Grant, type IGrantable, UnknownPrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { knownFields } from '../lib/model/known-fields.ts'
import { checkQueueName } from '../lib/model/queue-name.ts'
import { type QueueKeyKind, queueKeyPattern } from '../lib/store/keys.ts'
import { keyStatements, named, onKeys } from './function.ts'
import type { TableAction } from './functions.ts'

/**
 * Rights on single queues, for roles that use the library on the table itself: actions on kinds of items. In every
 * partition key the queue follows the letter of the kind (`KEY_KINDS`), so that `dynamodb:LeadingKeys` distinguishes queues.
 * Kinds that one batch reads together share one statement.
 *
 * `docs/deploy.md` lists what each grant allows; `test/infra/grants.test.ts` checks that list.
 */
type Rights = readonly (readonly [kinds: readonly QueueKeyKind[], actions: readonly TableAction[]])[]

const PUBLISH: Rights = [
  // A strict transaction checks the record.
  [['queue'], ['ConditionCheckItem', 'GetItem']],
  // A publisher raises the number of shards, and records that the queue has message groups.
  [['layout'], ['GetItem', 'PutItem']],
  [['segment', 'body'], ['PutItem']],
  [['ticket'], ['UpdateItem']],
  [['deduplication', 'idempotencyKey'], ['PutItem']],
  // The marker of a transaction with an id.
  [['transaction'], ['GetItem', 'PutItem']],
]

/** The further rights of a publisher with `deduplicationMode: 'pending'`: it looks for the message that has a deduplication id. */
const LOOK_FOR_PENDING: Rights = [
  [['segment'], ['Query']],
  [['segment', 'body'], ['BatchGetItem']],
  [['alias'], ['GetItem']],
]

const CONSUME: Rights = [
  [['queue'], ['GetItem']],
  // A poller retires an empty surplus shard.
  [['layout'], ['GetItem', 'PutItem']],
  [['segment'], ['DeleteItem', 'GetItem', 'PartiQLDelete', 'PartiQLUpdate', 'Query', 'UpdateItem']],
  [['segment', 'body'], ['BatchGetItem']],
  [['ticket'], ['DeleteItem', 'Query', 'UpdateItem']],
  [
    ['fence', 'receiveAttempt', 'snapshot'],
    ['GetItem', 'PutItem'],
  ],
  [['earlyRelease'], ['PutItem', 'Query']],
  [['transaction'], ['GetItem', 'PutItem']],
  // On a queue that keeps results, a consumer writes them and never reads them.
  [['result'], ['PutItem']],
]

/** The rights of a producer that waits for results. Headers show the state of messages, and may hold their content. */
const READ_RESULTS: Rights = [
  [['queue', 'layout', 'alias'], ['GetItem']],
  [['segment', 'result'], ['Query']],
]

/** The rights of a consumer on the dead-letter queue: it adds messages, and can neither read nor delete them. */
const DEAD_LETTER: Rights = [
  [['queue'], ['ConditionCheckItem', 'GetItem']],
  [['layout'], ['GetItem']],
  [['segment', 'body', 'alias'], ['PutItem']],
  [['ticket'], ['UpdateItem']],
]

const BROWSE: Rights = [
  [['queue', 'layout', 'alias'], ['GetItem']],
  [['segment', 'ticket'], ['Query']],
  [['segment', 'body'], ['BatchGetItem']],
]

const MANAGE: Rights = [
  [['queue', 'layout'], ['PutItem']],
  // Cancelling and rescheduling messages.
  [['segment'], ['DeleteItem', 'PutItem', 'UpdateItem']],
  [['body', 'alias', 'earlyRelease', 'result'], ['PutItem']],
  [['ticket'], ['UpdateItem']],
  [['snapshot'], ['GetItem']],
]

export interface PublishGrant {
  /**
   * For a queue with `deduplicationMode: 'pending'`: also lets the role read the queue's messages, to see whether the
   * message of a deduplication id is still there. @default whether a declared queue has that mode, otherwise false
   */
  readonly pendingIds?: boolean
}

export interface ConsumedQueue {
  readonly queue: string
  /** The queue to which the consumer moves exhausted messages. */
  readonly deadLetterQueue?: string | undefined
}

export const grantPublish = (table: Table, queue: string, grantee: IGrantable, options: PublishGrant = {}): Grant => {
  const { pendingIds = false } = knownFields(options, { pendingIds: true })
  return grantRights(table, grantee, queue, pendingIds ? [PUBLISH, LOOK_FOR_PENDING] : [PUBLISH])
}

export const grantConsume = (table: Table, { queue, deadLetterQueue }: ConsumedQueue, grantee: IGrantable): Grant => {
  if (deadLetterQueue !== undefined) checkGrant(grantee, deadLetterQueue)
  const grant = grantRights(table, grantee, queue, [CONSUME])
  if (deadLetterQueue === undefined) return grant
  return grant.combine(grantRights(table, grantee, deadLetterQueue, [DEAD_LETTER]))
}

export const grantBrowse = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantRights(table, grantee, queue, [BROWSE])

export const grantReadResults = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantRights(table, grantee, queue, [READ_RESULTS])

export const grantManage = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantRights(table, grantee, queue, [BROWSE, MANAGE])

/**
 * Refuses a grant that would allow more than it says, or nothing: on a name that no queue can have (`*` would be every
 * queue), or to a grantee whose policy this app can't change.
 */
export const checkGrant = (grantee: IGrantable, queue: string): void => {
  checkQueueName(queue)
  if (grantee.grantPrincipal instanceof UnknownPrincipal) {
    const name = Construct.isConstruct(grantee) ? ` to ${grantee.node.path}` : ''
    throw new Error(
      `the grant on queue ${queue}${name} has no role: import the function with its role, or grant to the role itself`,
    )
  }
}

const grantRights = (table: Table, grantee: IGrantable, queue: string, rights: readonly Rights[]): Grant => {
  checkGrant(grantee, queue)
  const grants = rights.flat().map(([kinds, actions]) =>
    Grant.addToPrincipal({
      grantee,
      actions: named(actions),
      resourceArns: [table.tableArn],
      conditions: onKeys(kinds.map((kind) => queueKeyPattern(kind, queue))),
    }),
  )
  for (const statement of keyStatements(table)) grantee.grantPrincipal.addToPrincipalPolicy(statement)
  return grants.reduce((all, one) => all.combine(one))
}
