import type { Engine } from '../../lib/engine.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import type { QueueSelection } from '../../lib/redrive/redrive-task.ts'
import type { Answered } from '../runtime/usage.ts'
import { missingParameter } from './errors.ts'
import type { ActionName } from './model.ts'
import { isQueueName, parseQueueUrl, type QueueAddress, type QueueNames, type Scope } from './queue-url.ts'

/** What an action gets beside its input. */
export interface ActionContext {
  readonly engine: Engine
  readonly names: QueueNames
  /** Account and region of the caller. */
  readonly scope: Scope
  /** Id of the access key that signed the request; absent where signatures are not verified. */
  readonly senderId: string | undefined
  /** X-Ray trace header of the HTTP request. */
  readonly traceHeader: string | undefined
  /** Aborts when the caller has disconnected. */
  readonly signal: AbortSignal
  /** Whether SQS's 60 seconds apply after the deletion of a queue of the same name, and between two purges. */
  readonly cooldowns: Cooldowns
  /** Path of the request, when it is the path of a queue. */
  readonly pathQueue: string | undefined
  /** The URL under which the caller reaches a queue. */
  queueUrl(queue: QueueAddress): string
  /**
   * Checks that the caller may perform this action, or the one named. Absent where signatures are not verified.
   *
   * @throws `AccessDenied`
   */
  readonly authorize: ((queue: QueueAddress, action?: ActionName) => Promise<void>) | undefined
  /** The queues, among those given, that the caller may send to. Absent where signatures are not verified. */
  readonly sendableQueues: ((queues: readonly Queue[]) => QueueSelection) | undefined
  /** Checks that the caller may list queues. Absent where signatures are not verified. @throws `AccessDenied` */
  readonly authorizeListing: (() => void) | undefined
  /** Hands a redrive that was started to a worker. */
  startRedrive(queue: string, taskId: string): Promise<void>
  /** Adds to the metrics, and to what the queue used. */
  count(queue: QueueState, counted: Answered['counted']): void
}

export interface Cooldowns {
  readonly recreation: boolean
  readonly purge: boolean
}

/** A queue under its SQS address and under the engine's name. */
export interface Target {
  readonly address: QueueAddress
  readonly name: string
}

/** The queue of a queue URL, after the caller is authorized. The region is the caller's: a queue URL has none. */
export const target = async (context: ActionContext, queueUrl: string | undefined): Promise<Target> => {
  const found = named(context, queueUrl)
  if (context.authorize) await context.authorize(found.address)
  return found
}

/** The same with the queue's settings, at most five seconds old. @throws `QueueNotFound` */
export const targetQueue = async (
  context: ActionContext,
  queueUrl: string | undefined,
): Promise<Target & { queue: QueueState }> => {
  const { address, name } = named(context, queueUrl)
  if (context.authorize) await context.authorize(address)
  return { address, name, queue: await context.engine.queues.get(name) }
}

const named = (context: ActionContext, queueUrl: string | undefined): Target => {
  const url = queueUrl ?? context.pathQueue
  if (!url) throw missingParameter('QueueUrl')
  // SQS also accepts the bare name of a queue of the caller's account.
  const { account, name } = isQueueName(url) ? { account: context.scope.account, name: url } : parseQueueUrl(url)
  const address = { account, name, region: context.scope.region }
  return { address, name: context.names.engineName(address) }
}

/** A string that the protocols accept empty and the action does not. @throws `MissingParameter` */
export const required = (value: string | undefined, name: string): string => {
  if (value === undefined || value === '') throw missingParameter(name)
  return value
}
