import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists } from '../../lib/model/errors.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import type { QueueSelection } from '../../lib/redrive/redrive-task.ts'
import { SqsError } from './errors.ts'
import { type KeyPermission, matchesAction, permissionFor } from './keys.ts'
import type { ActionName } from './model.ts'
import { like } from './pattern.ts'
import { type AccessRequest, evaluate } from './policy.ts'
import { type QueueAddress, type QueueNames, queueArn, type Scope } from './queue-url.ts'
import type { Principal } from './sigv4.ts'

/** Actions that no queue policy can allow to another account. */
const OWNERS_ONLY: ReadonlySet<ActionName> = new Set([
  'AddPermission',
  'CancelMessageMoveTask',
  'CreateQueue',
  'DeleteQueue',
  'ListMessageMoveTasks',
  'ListQueues',
  'ListQueueTags',
  'RemovePermission',
  'SetQueueAttributes',
  'StartMessageMoveTask',
  'TagQueue',
  'UntagQueue',
])

export interface Access {
  readonly engine: Engine
  readonly names: QueueNames
  readonly principal: Principal
  /** Whether the request came over TLS. */
  readonly secure: boolean
}

export const accountOf = ({ key }: Principal, home: Scope): string => key.accountId ?? home.account
const arnOf = (principal: Principal, home: Scope): string =>
  `arn:aws:iam::${accountOf(principal, home)}:user/${principal.key.accessKeyId}`

/**
 * Checks that the caller may perform an action on a queue. On a queue of the caller's own account, the key's permissions
 * or the queue's policy must allow it; on a queue of another account, both must. A Deny in the policy wins, as in IAM.
 *
 * @throws `AccessDenied`
 */
export const authorize = async (access: Access, action: ActionName, queue: QueueAddress): Promise<void> => {
  const refusal = refusalOf(access, action, queue, await policyOf(access, queue))
  if (refusal !== undefined) throw refusal
}

/** The queues, among those given, that the caller may send to now. */
export const sendableQueues = (access: Access, queues: readonly Queue[]): QueueSelection => {
  const { names, principal } = access
  const may = ({ name, extras }: Queue) =>
    refusalOf(access, 'SendMessage', names.addressOf(name), extras.Policy) === undefined
  const plainNames = (some: readonly Queue[]) => some.map(({ name }) => names.addressOf(name).name)
  return principal.key.permissions
    ? { only: plainNames(queues.filter(may)) }
    : { except: plainNames(queues.filter((queue) => !may(queue))) }
}

const refusalOf = (
  access: Access,
  action: ActionName,
  queue: QueueAddress,
  policy: string | undefined,
): SqsError | undefined => {
  const { names, principal } = access
  const account = accountOf(principal, names.home)
  const resource = queueArn(queue)
  const permission = permissionFor(action)
  const byKey = keyAllows(principal.key.permissions, permission, queue, resource, account)
  const byPolicy = evaluate(policy, requestOf(access, permission, resource))
  if (byPolicy === 'deny' && !canRecover(access, action, queue))
    return denied(access, permission, resource, 'with an explicit deny in a resource-based policy')
  if (queue.account === account) {
    if (byKey || byPolicy === 'allow') return undefined
    return denied(access, permission, resource, `because no identity-based policy allows the ${permission} action`)
  }
  if (byKey && byPolicy === 'allow' && !OWNERS_ONLY.has(action)) return undefined
  return denied(access, permission, resource, `because no resource-based policy allows the ${permission} action`)
}

/** The request in the terms of a policy. */
const requestOf = ({ names, principal, secure }: Access, action: string, resource: string): AccessRequest => {
  const account = accountOf(principal, names.home)
  const principalArn = arnOf(principal, names.home)
  return {
    account,
    principalArn,
    action,
    resource,
    context: {
      'aws:principalaccount': account,
      'aws:principalarn': principalArn,
      'aws:username': principal.key.accessKeyId,
      'aws:securetransport': String(secure),
      'aws:sourcearn': undefined,
      'aws:sourceaccount': undefined,
    },
  }
}

/**
 * Whether the caller may read and replace a policy that denies it: nobody could otherwise remove a policy that denies
 * everyone everything. Only keys of the owner's account without a list of permissions may.
 */
const canRecover = ({ principal, names }: Access, action: ActionName, queue: QueueAddress): boolean =>
  (action === 'GetQueueAttributes' || action === 'SetQueueAttributes') &&
  principal.key.permissions === undefined &&
  queue.account === accountOf(principal, names.home)

/** Checks that the caller may list queues: that it has the permission on any queue. @throws `AccessDenied` */
export const authorizeListing = (access: Access, scope: Scope): void => {
  const { permissions } = access.principal.key
  if (!permissions || permissions.some(({ actions }) => actions.some((one) => matchesAction(one, 'sqs:ListQueues'))))
    return
  const resource = queueArn({ ...scope, name: '*' })
  throw denied(access, 'sqs:ListQueues', resource, 'because no identity-based policy allows the sqs:ListQueues action')
}

const keyAllows = (
  permissions: readonly KeyPermission[] | undefined,
  permission: string,
  { name, account }: QueueAddress,
  resource: string,
  own: string,
): boolean =>
  !permissions ||
  permissions.some(
    ({ actions, queues }) =>
      actions.some((one) => matchesAction(one, permission)) &&
      queues.some((pattern) =>
        pattern.startsWith('arn:') ? like(pattern, resource) : account === own && like(pattern, name),
      ),
  )

const policyOf = async ({ engine, names }: Access, queue: QueueAddress): Promise<string | undefined> =>
  (await ifQueueExists(engine.queues.get(names.engineName(queue))))?.extras.Policy

const denied = ({ principal, names }: Access, permission: string, resource: string, reason: string): SqsError =>
  new SqsError(
    'AccessDenied',
    `User: ${arnOf(principal, names.home)} is not authorized to perform: ${permission.toLowerCase()} on resource: ${resource} ${reason}`,
  )
