import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { queueKey, TABLE_SHAPE } from '../../lib/store/keys.ts'
import type { TableAccess } from '../target/target.ts'
import { type Finding, type FindingCure, isDenied, notChecked } from './finding.ts'

const { partitionKey, sortKey } = TABLE_SHAPE
/** No queue can have this name, so there is no item with its key. */
const { partition, sort } = queueKey('!doctor')
const KEY = { [partitionKey]: { S: partition }, [sortKey]: { S: sort } }
/** A condition that no item meets. */
const NEVER = {
  ConditionExpression: 'attribute_exists(#pk) AND attribute_not_exists(#pk)',
  ExpressionAttributeNames: { '#pk': partitionKey },
}
const NOBODY = `WHERE "${partitionKey}"=? AND "${sortKey}"=? AND "e"=?`
const NOBODYS = [{ S: partition }, { S: sort }, { N: '0' }]

type Probe = (client: DynamoDBClient, TableName: string) => Promise<unknown>

/** A request for each action that the library needs. None of them changes anything. */
const PROBES: Readonly<Record<string, Probe>> = {
  BatchGetItem: (client, table) => client.send(new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [KEY] } } })),
  ConditionCheckItem: (client, TableName) =>
    client.send(
      new TransactWriteItemsCommand({ TransactItems: [{ ConditionCheck: { TableName, Key: KEY, ...NEVER } }] }),
    ),
  DeleteItem: (client, TableName) => client.send(new DeleteItemCommand({ TableName, Key: KEY, ...NEVER })),
  GetItem: (client, TableName) => client.send(new GetItemCommand({ TableName, Key: KEY })),
  PartiQLDelete: (client, table) => statement(client, `DELETE FROM "${table}" ${NOBODY}`, NOBODYS),
  PartiQLUpdate: (client, table) =>
    statement(client, `UPDATE "${table}" SET "e"=? ${NOBODY}`, [{ N: '0' }, ...NOBODYS]),
  PutItem: (client, TableName) => client.send(new PutItemCommand({ TableName, Item: KEY, ...NEVER })),
  Query: (client, TableName) =>
    client.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: '#pk = :pk',
        ExpressionAttributeNames: { '#pk': partitionKey },
        ExpressionAttributeValues: { ':pk': { S: partition } },
      }),
    ),
  UpdateItem: (client, TableName) =>
    client.send(
      new UpdateItemCommand({
        TableName,
        Key: KEY,
        UpdateExpression: 'SET #e = :zero',
        ConditionExpression: NEVER.ConditionExpression,
        ExpressionAttributeNames: { ...NEVER.ExpressionAttributeNames, '#e': 'e' },
        ExpressionAttributeValues: { ':zero': { N: '0' } },
      }),
    ),
}

/**
 * Sends one statement as a batch. DynamoDB answers a batch statement by statement, so a refusal is thrown here, under the name that
 * other requests give the same error.
 */
const statement = async (client: DynamoDBClient, Statement: string, Parameters: ({ S: string } | { N: string })[]) => {
  const { Responses = [] } = await client.send(
    new BatchExecuteStatementCommand({ Statements: [{ Statement, Parameters }] }),
  )
  const { Code, Message } = Responses[0]?.Error ?? {}
  if (Code === undefined) return
  throw Object.assign(new Error(Message), { name: Code.endsWith('Exception') ? Code : `${Code}Exception` })
}

/** Errors that show that the caller has the right: only the condition failed, as it must. */
const PERMITTED: ReadonlySet<string> = new Set([
  'ConditionalCheckFailedException',
  'ConditionalCheckFailed',
  'TransactionCanceledException',
])

/**
 * The rights on the whole table that the library needs and the caller lacks.
 *
 * @param arn the table's, where it is known
 */
export const missingRights = async ({ client, name }: TableAccess, arn: string | undefined): Promise<Finding[]> => {
  const refused: { action: string; error: unknown }[] = []
  for (const [action, probe] of Object.entries(PROBES)) {
    await probe(client, name).catch((error: Error) => {
      if (!PERMITTED.has(error.name)) refused.push({ action: `dynamodb:${action}`, error })
    })
  }
  const denied = refused.filter(({ error }) => isDenied(error))
  const unknown = refused.filter(({ error }) => !isDenied(error))
  const actions = denied.map(({ action }) => action)
  const message = (denied[0]?.error as Error | undefined)?.message ?? ''
  const missing: Finding = {
    code: 'rights-missing',
    level: 'bad',
    what: `your role lacks ${actions.join(', ')} on the table ${name}`,
    actions,
    cures: [grant(message, arn)],
  }
  return [
    ...(actions.length > 0 ? [missing] : []),
    ...unknown.map(({ action, error }) => notChecked(`the right ${action}`, error)),
  ]
}

/** The caller's ARN in DynamoDB's message. A user may have a path before the name; the session of a role has its own name after it. */
const CALLER =
  /arn:[\w-]+:(?:iam|sts)::\d*:(?:user\/(?:[\w+=,.@-]+\/)*(?<user>[\w+=,.@-]+)|assumed-role\/(?<role>[\w+=,.@-]+)\/[\w+=,.@-]+)\s/

/** The command that grants the caller in DynamoDB's message all rights, not only the missing ones, since it replaces the policy. */
const grant = (message: string, arn: string | undefined): FindingCure => {
  const effect = 'give all rights that the library needs'
  const { user, role } = CALLER.exec(message)?.groups ?? {}
  const Resource = arn ?? /arn:[\w-]+:dynamodb:[\w-]*:\d*:table\/[\w.-]+/.exec(message)?.[0]
  if ((user ?? role) === undefined || Resource === undefined) return { effect: `${effect} (docs/deploy.md)` }
  const Action = Object.keys(PROBES).map((action) => `dynamodb:${action}`)
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] })
  const kind = user === undefined ? 'role' : 'user'
  return {
    command: `aws iam put-${kind}-policy --${kind}-name ${user ?? role} --policy-name holdfast-table --policy-document '${policy}'`,
    effect,
  }
}
