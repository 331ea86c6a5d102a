import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam'
import { keyStatements, named, onKeys } from './function.ts'
import type { TableAction } from './functions.ts'

/**
 * Rights on single queues for roles that use the library on the table itself. Every partition key names its queue
 * right after the letter of its kind, so `dynamodb:LeadingKeys` can tell queues apart:
 *
 *     s#<queue>#…  segments    b#<queue>#…  bodies            a#<queue>#…  where moved messages are
 *     q#<queue>    settings    t#<queue>#…  tickets of groups  d#<queue>#…  deduplication ids
 *     h#<queue>#…  in-flight snapshots                        e#<queue>#…  early releases
 *     f#<queue>#…  fences of groups                           p#<queue>#…  attempt ids of polls
 *
 * The letters are those of `KEY_KINDS` in `lib/store/keys.ts`.
 */
type Kinds = Readonly<Record<string, readonly TableAction[]>>

/** By kinds of keys; a batch of reads can be of several. */
const PUBLISHING: Kinds = {
  // Publishers note that a queue needs more shards, and that it has message groups.
  q: ['GetItem', 'PutItem'],
  // A header whose body could not be written is taken back.
  s: ['DeleteItem', 'PutItem'],
  b: ['PutItem'],
  t: ['UpdateItem'],
  d: ['GetItem', 'PutItem'],
  // While a deduplication id counts as long as its message is there, that is looked up.
  a: ['GetItem'],
  sb: ['BatchGetItem', 'GetItem', 'Query'],
}

const CONSUMING: Kinds = {
  // Pollers let go of shards that are empty.
  q: ['GetItem', 'PutItem'],
  s: ['DeleteItem', 'PartiQLDelete', 'PartiQLUpdate', 'UpdateItem'],
  sb: ['BatchGetItem', 'GetItem', 'Query'],
  t: ['DeleteItem', 'GetItem', 'Query', 'UpdateItem'],
  a: ['GetItem', 'PutItem'],
  fp: ['GetItem', 'PutItem'],
  h: ['GetItem', 'PutItem'],
  e: ['PutItem', 'Query'],
}

/** A consumer only adds to the dead-letter queue: it can neither read nor remove what others put there. */
const DEAD_LETTERING: Kinds = { q: ['ConditionCheckItem', 'GetItem'], sba: ['PutItem'], t: ['UpdateItem'] }

const keysOf = (queue: string, kinds: string): string[] =>
  [...kinds].map((kind) => (kind === 'q' ? `q#${queue}` : `${kind}#${queue}#*`))

export interface ConsumedQueue {
  readonly queue: string
  /** Where its consumer moves messages that used up their receives. */
  readonly deadLetterQueue?: string | undefined
}

export const grantPublish = (table: Table, queue: string, grantee: IGrantable): Grant =>
  grantKinds(table, grantee, PUBLISHING, queue)

/** Polling, and acking, extending and nacking what was polled. */
export const grantConsume = (table: Table, { queue, deadLetterQueue }: ConsumedQueue, grantee: IGrantable): Grant => {
  const grant = grantKinds(table, grantee, CONSUMING, queue)
  if (deadLetterQueue === undefined) return grant
  return grant.combine(grantKinds(table, grantee, DEAD_LETTERING, deadLetterQueue))
}

const grantKinds = (table: Table, grantee: IGrantable, kinds: Kinds, queue: string): Grant => {
  const grants = Object.entries(kinds).map(([kind, actions]) => grantKeys(table, grantee, actions, keysOf(queue, kind)))
  for (const statement of keyStatements(table)) grantee.grantPrincipal.addToPrincipalPolicy(statement)
  return grants.reduce((all, one) => all.combine(one))
}

const grantKeys = (table: Table, grantee: IGrantable, actions: readonly TableAction[], keys: string[]): Grant =>
  Grant.addToPrincipal({
    grantee,
    actions: named(actions),
    resourceArns: [table.tableArn],
    conditions: onKeys(keys),
  })
