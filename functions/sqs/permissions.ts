import { updateQueue } from '../../lib/queues/update-queue.ts'
import { type ActionContext, required, targetQueue } from './context.ts'
import { invalidValue, SqsError } from './errors.ts'
import type { Input, Output } from './model.ts'
import {
  checkPolicySize,
  MAX_ACTIONS,
  MAX_STATEMENTS,
  type PolicyDocument,
  parsePolicy,
  type Statement,
} from './policy-document.ts'
import { isAccount, queueArn } from './queue-url.ts'

/** Actions that AddPermission can allow to other accounts. */
const GRANTABLE_ACTIONS = [
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

/**
 * Adds a statement to the queue's policy, with the label as its id. The statement is added to the policy that the
 * conditional write replaces, so that no concurrent caller loses its statement.
 */
export const addPermission = async (
  context: ActionContext,
  input: Input<'AddPermission'>,
): Promise<Output<'AddPermission'>> => {
  const { queue, address } = await targetQueue(context, input.QueueUrl)
  const grant = checkedGrant(input)
  await updateQueue(context.engine, queue.name, ({ extras }) => ({
    extras: { Policy: withStatement(extras.Policy, grant, queueArn(address)) },
  }))
  return {}
}

interface PermissionGrant {
  readonly label: string
  readonly accounts: readonly string[]
  readonly actions: readonly string[]
}

const checkedGrant = (input: Input<'AddPermission'>): PermissionGrant => {
  const label = required(input.Label, 'Label')
  const { AWSAccountIds: accounts = [], Actions: actions = [] } = input
  if (accounts.length === 0) throw invalidValue('PrincipalId', '[]', 'Unable to verify.')
  required(actions[0], 'Actions')
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) {
    throw invalidValue(
      'Label',
      label,
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    )
  }
  if (actions.length > MAX_ACTIONS) {
    throw new SqsError('OverLimit', `${actions.length} Actions were found, maximum allowed is ${MAX_ACTIONS}.`)
  }
  for (const account of accounts)
    if (!isAccount(account)) throw invalidValue('PrincipalId', account, 'Unable to verify.')
  for (const action of actions) {
    if (!GRANTABLE_ACTIONS.includes(action)) {
      throw invalidValue('ActionName', `SQS:${action}`, 'Only the queue owner is allowed to invoke this action.')
    }
  }
  return { label, accounts, actions }
}

const withStatement = (text: string | undefined, grant: PermissionGrant, arn: string): string => {
  const { label, accounts, actions } = grant
  const { statements, ...document } = policyIn(text)
  if (statements.some(({ Sid }) => Sid === label)) throw invalidValue('Label', label, 'Already exists.')
  if (statements.length >= MAX_STATEMENTS) {
    throw new SqsError(
      'OverLimit',
      `${statements.length + 1} statements were found, maximum allowed is ${MAX_STATEMENTS}.`,
    )
  }
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
    ...document,
    Statement: [...statements, statement],
  })
  checkPolicySize(Policy)
  return Policy
}

export const removePermission = async (
  context: ActionContext,
  input: Input<'RemovePermission'>,
): Promise<Output<'RemovePermission'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const label = required(input.Label, 'Label')
  await updateQueue(context.engine, queue.name, ({ extras }) => ({
    extras: { Policy: withoutStatement(extras.Policy, label) },
  }))
  return {}
}

/** The policy without a statement; `null` when that was its only one. */
const withoutStatement = (text: string | undefined, label: string): string | null => {
  const { statements, ...document } = policyIn(text)
  const kept = statements.filter(({ Sid }) => Sid !== label)
  if (kept.length === statements.length) throw invalidValue('Label', label, "can't find label.")
  return kept.length > 0 ? JSON.stringify({ ...document, Statement: kept }) : null
}

const policyIn = (text: string | undefined): PolicyDocument => {
  if (!text) return { statements: [] }
  const policy = parsePolicy(text)
  if (!policy)
    throw new SqsError(
      'InvalidAttributeValue',
      "The queue's Policy is not valid: replace it with SetQueueAttributes first.",
    )
  return policy
}

const oneOrMany = (values: readonly string[]): string | readonly string[] =>
  values.length === 1 ? String(values[0]) : values
