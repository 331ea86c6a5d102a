import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists } from '../../lib/model/errors.ts'
import { HttpRefusal } from '../http/problem.ts'
import { DEFAULT_SCOPE, type QueueNames, queueNames } from '../sqs/queue-url.ts'
import { allowsSource } from '../sqs/redrive-policy.ts'

/**
 * IAM authorizes a request for the queue in its path, and a body may name another one: as dead-letter queue, or as the
 * destination of a redrive. The caller's rights on that queue can't be seen from here. So the queue itself says from which
 * queues messages may be moved into it, in its redrive-allow policy, which only its own path changes.
 */
export interface MoveRules {
  /** Translates the accounts and regions in policies to queues. */
  readonly names: QueueNames
  /** The rule for a queue without a redrive-allow policy. */
  readonly withoutPolicy: 'allowAll' | 'denyAll'
}

/** The rules where every caller may use every queue. */
export const OPEN_RULES: MoveRules = { names: queueNames(), withoutPolicy: 'allowAll' }

/**
 * HOLDFAST_ACCOUNT and AWS_REGION: the home account and region.
 * HOLDFAST_REDRIVE_WITHOUT_POLICY: `allowAll`; nothing else opens queues that have no policy.
 */
export const moveRules = (env: NodeJS.ProcessEnv): MoveRules => ({
  names: queueNames({
    account: env.HOLDFAST_ACCOUNT ?? DEFAULT_SCOPE.account,
    region: env.AWS_REGION ?? DEFAULT_SCOPE.region,
  }),
  withoutPolicy: env.HOLDFAST_REDRIVE_WITHOUT_POLICY === 'allowAll' ? 'allowAll' : 'denyAll',
})

export interface QueueMove {
  /** The queue in the request's path, from which messages are moved. */
  readonly from: string
  /** The queue in the request's body, to which they are moved. */
  readonly to: string
  /** The body's field that names the queue. */
  readonly field: string
}

/** @throws `MoveRefused` unless the queue named in the body takes messages of the one in the path */
export const checkMove = async (
  engine: Engine,
  { names, withoutPolicy }: MoveRules,
  { from, to, field }: QueueMove,
): Promise<void> => {
  if (from === to) return
  const target = await ifQueueExists(engine.queues.fresh(to))
  // The operation itself reports a missing queue.
  if (!target) return
  const policy = target.extras.RedriveAllowPolicy
  const allowed =
    policy === undefined ? withoutPolicy === 'allowAll' : allowsSource(policy, names.addressOf(from), names)
  if (allowed) return
  throw new HttpRefusal('MoveRefused', `queue ${to} takes no messages of ${from}`, {
    field,
    value: to,
    hint: `Someone with rights on ${to} can let it: PATCH /queues/${to} with {"redriveAllowPolicy":{"permission":"byQueue","sourceQueues":["${from}"]}}`,
  })
}
