import type { Engine } from '../../lib/engine.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import type { QueueSelection } from '../../lib/redrive/redrive-task.ts'
import type { MetricName } from '../runtime/metric-names.ts'
import { missingParameter } from './errors.ts'
import type { ActionName } from './model.ts'
import { isQueueName, parseQueueUrl, type QueueAddress, type QueueNames, type Scope } from './queue-url.ts'

/** What an action knows of the request beside its input. */
export interface ActionContext {
  readonly engine: Engine
  readonly names: QueueNames
  /** Account and region of the caller. */
  readonly scope: Scope
  /** Id of the access key that signed, once verified. */
  readonly senderId: string | undefined
  /** X-Ray trace header of the request itself. */
  readonly traceHeader: string | undefined
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal
  /** Whether a queue's name rests for a minute after its deletion, and a queue after a purge. */
  readonly cooldowns: Cooldowns
  /** Queue that the request's own path names. */
  readonly pathQueue: string | undefined
  /** The URL under which this caller reaches a queue. */
  queueUrl(queue: QueueAddress): string
  /** Absent where anyone may do anything. @throws `AccessDenied` unless the caller may do this action, or the one named */
  readonly authorize: ((queue: QueueAddress, action?: ActionName) => Promise<void>) | undefined
  /** Absent where anyone may send anywhere. Of the caller's own queues, those that it may send to. */
  readonly sendableQueues: ((queues: readonly Queue[]) => QueueSelection) | undefined
  /** Absent where anyone may. @throws `AccessDenied` unless the caller may list queues */
  readonly authorizeListing: (() => void) | undefined
  /** Resolves when it is sure that a redrive which was started is worked on. */
  startRedrive(queue: string, taskId: string): Promise<void>
  /** Notes what was done, for the metrics. */
  count(counted: Counted): void
}

export type Counted = Readonly<Partial<Record<MetricName, number>>>

export interface Cooldowns {
  readonly recreation: boolean
  readonly purge: boolean
}

/** A queue that a request is about, as SQS and as the engine name it. */
export interface Target {
  readonly address: QueueAddress
  readonly name: string
}

/** The queue of a queue URL, once the caller may act on it. The region is the caller's: a queue URL has none. */
export const target = async (context: ActionContext, queueUrl: string | undefined): Promise<Target> => {
  const found = named(context, queueUrl)
  if (context.authorize) await context.authorize(found.address)
  return found
}

/** The queue with its settings, at most a few seconds old. @throws `QueueNotFound` */
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
  // SQS also takes the bare name of a queue of the caller's own.
  const { account, name } = isQueueName(url) ? { account: context.scope.account, name: url } : parseQueueUrl(url)
  const address = { account, name, region: context.scope.region }
  return { address, name: context.names.engineName(address) }
}

/** A string that the protocols let through empty, but the action can't do without. */
export const required = (value: string | undefined, name: string): string => {
  if (value === undefined || value === '') throw missingParameter(name)
  return value
}
