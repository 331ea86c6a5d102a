import { updateQueue } from '../../lib/queues/queues.ts'
import { type ActionContext, required, targetQueue } from './context.ts'
import { invalidValue, SqsError } from './errors.ts'
import type { Input, Output } from './model.ts'
import { MOST_STATEMENTS, POLICY_BYTES, parsePolicy, type Statement } from './policy-document.ts'
import { isAccount, queueArn } from './queue-url.ts'

const MOST_ACTIONS = 7
/** What an owner can let others do; all else stays the owner's. */
const GRANTABLE = [
  '*',
  'SendMessage',
  'ReceiveMessage',
  'DeleteMessage',
  'ChangeMessageVisibility',
  'GetQueueAttributes',
  'GetQueueUrl',
  'ListDeadLetterSourceQueues',
  'PurgeQueue',
]

/** Adds a statement to the queue's policy, named by its label. */
export const addPermission = async (
  context: ActionContext,
  input: Input<'AddPermission'>,
): Promise<Output<'AddPermission'>> => {
  const { queue, address } = await targetQueue(context, input.QueueUrl)
  const label = required(input.Label, 'Label')
  const accounts = input.AWSAccountIds ?? []
  const actions = input.Actions ?? []
  if (accounts.length === 0) throw invalidValue('PrincipalId', '[]', 'Unable to verify.')
  required(actions[0], 'Actions')
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) {
    throw invalidValue(
      'Label',
      label,
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    )
  }
  if (actions.length > MOST_ACTIONS) {
    throw new SqsError('OverLimit', `${actions.length} Actions were found, maximum allowed is ${MOST_ACTIONS}.`)
  }
  for (const account of accounts)
    if (!isAccount(account)) throw invalidValue('PrincipalId', account, 'Unable to verify.')
  for (const action of actions) {
    if (!GRANTABLE.includes(action)) {
      throw invalidValue('ActionName', `SQS:${action}`, 'Only the queue owner is allowed to invoke this action.')
    }
  }
  const policy = policyOf(queue.extras.Policy)
  if (policy.statements.some(({ Sid }) => Sid === label)) throw invalidValue('Label', label, 'Already exists.')
  if (policy.statements.length >= MOST_STATEMENTS) {
    throw new SqsError(
      'OverLimit',
      `${policy.statements.length + 1} statements were found, maximum allowed is ${MOST_STATEMENTS}.`,
    )
  }
  const arn = queueArn(address)
  const statement: Statement = {
    Sid: label,
    Effect: 'Allow',
    Principal: { AWS: oneOrMany(accounts.map((account) => `arn:aws:iam::${account}:root`)) },
    Action: oneOrMany(actions.map((action) => `SQS:${action}`)),
    Resource: arn,
  }
  const Policy = JSON.stringify({
    Version: '2008-10-17',
    Id: `${arn}/SQSDefaultPolicy`,
    ...policy.document,
    Statement: [...policy.statements, statement],
  })
  if (!parsePolicy(Policy)) {
    throw new SqsError('OverLimit', `The policy would have more than ${POLICY_BYTES} bytes.`)
  }
  await updateQueue(context.engine, queue.name, { extras: { Policy } })
  return {}
}

export const removePermission = async (
  context: ActionContext,
  input: Input<'RemovePermission'>,
): Promise<Output<'RemovePermission'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const label = required(input.Label, 'Label')
  const { document, statements } = policyOf(queue.extras.Policy)
  const kept = statements.filter(({ Sid }) => Sid !== label)
  if (kept.length === statements.length) throw invalidValue('Label', label, "can't find label.")
  const Policy = kept.length > 0 ? JSON.stringify({ ...document, Statement: kept }) : null
  await updateQueue(context.engine, queue.name, { extras: { Policy } })
  return {}
}

const policyOf = (text: string | undefined): { document: object; statements: readonly Statement[] } => {
  if (!text) return { document: {}, statements: [] }
  const statements = parsePolicy(text)
  if (!statements) throw new SqsError('InvalidAttributeValue', "The queue's Policy is not valid: set it anew first.")
  return { document: JSON.parse(text) as object, statements }
}

const oneOrMany = (values: readonly string[]): string | readonly string[] =>
  values.length === 1 ? String(values[0]) : values
