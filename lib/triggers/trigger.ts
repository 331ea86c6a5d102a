import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, unknownField } from '../model/errors.ts'
import type { JsonValue } from '../model/message.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import { checkQueueName, plainName } from '../model/queue-name.ts'
import { withoutUndefined } from '../model/without-undefined.ts'
import { readQueue } from '../queues/read-queue.ts'
import { triggerKey } from '../store/keys.ts'
import type { Document } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'
import { duePut, dueQueues, readDue } from './due-index.ts'
import { checkedFilter, type FilterPattern, type Unmatched } from './filter/filter.ts'

/** A queue's setting that has its messages delivered to a function, without polling. A queue has at most one trigger. */
export interface Trigger {
  readonly queue: string
  /** The function to invoke: the ARN or the name of a Lambda function, or a handler's path on the local server. */
  readonly functionName: string
  /** The function's timeout, 1 … 720. Leases and slots last longer. */
  readonly functionTimeoutSeconds: number
  /** Maximum number of messages of one invocation: 1 … 100, on FIFO queues 1 … 10. @default 10 */
  readonly batchSize: number
  /** How long a batch may wait for more messages, seconds, 0 … 20. @default 0 */
  readonly batchingWindowSeconds: number
  /** Maximum number of concurrent invocations, 1 … 1000. @default 10 */
  readonly maxConcurrency: number
  /** @default true */
  readonly enabled: boolean
  /**
   * Whether the function's answer names the messages that failed, as `batchItemFailures`. When false, every answer
   * without an error acks the whole batch. @default true
   */
  readonly reportBatchItemFailures: boolean
  /**
   * Patterns of EventBridge, as JSON, for the records of the function's event. The function gets the messages that match
   * one of them. @default all messages
   */
  readonly filter?: readonly string[]
  /** What happens to messages that match no pattern; required with a filter, and refused without one. */
  readonly unmatched?: Unmatched
}

/** A trigger as it is stored. */
export interface StoredTrigger extends Trigger {
  /** Epoch ms. Undefined in triggers that earlier versions stored. */
  readonly declaredAt?: number
  /** The name of the stack or file that declares the trigger: no other declaration changes or removes it. */
  readonly declaredBy?: string
}

export interface Declarer {
  /** The name of the stack or file that declares the trigger, for triggers that are not declared by a call. @default none */
  readonly declaredBy?: string
}

type Required = 'queue' | 'functionName' | 'functionTimeoutSeconds'

export interface GivenTrigger extends Pick<Trigger, Required>, Partial<Omit<Trigger, Required | 'filter'>> {
  /** One pattern or several, each an object or its JSON. Lambda's limits: 10 patterns of 4,096 characters. */
  readonly filter?: FilterPattern | readonly FilterPattern[]
}

/** The highest values of a trigger's settings. They are those of SQS's event source where that has the setting. */
export const TRIGGER_LIMITS = {
  batchSize: 100,
  fifoBatchSize: 10,
  batchingWindowSeconds: 20,
  maxConcurrency: 1_000,
  /** 12 minutes: a run lives for 15, and outlives its last invocation. */
  functionTimeoutSeconds: 720,
} as const

const DEFAULT_TRIGGER = {
  batchSize: 10,
  batchingWindowSeconds: 0,
  maxConcurrency: 10,
  enabled: true,
  reportBatchItemFailures: true,
} as const

const FIELDS: readonly (keyof Trigger)[] = [
  'queue',
  'functionName',
  'functionTimeoutSeconds',
  'batchSize',
  'batchingWindowSeconds',
  'maxConcurrency',
  'enabled',
  'reportBatchItemFailures',
  'filter',
  'unmatched',
]

/** Checks a trigger's settings, and adds the defaults. @throws `InvalidRequest` */
export const checkedTrigger = (given: GivenTrigger): Trigger => {
  for (const [field, value] of Object.entries(given)) {
    if (!(FIELDS as readonly string[]).includes(field)) throw unknownField(field, value, FIELDS)
  }
  checkQueueName(given.queue)
  const { filter, ...others } = withoutUndefined(given) as GivenTrigger
  const trigger: Trigger = { ...DEFAULT_TRIGGER, ...others, ...(filter && { filter: checkedFilter(filter) }) }
  if (typeof trigger.functionName !== 'string' || trigger.functionName === '') {
    throw invalid('functionName', trigger.functionName, 'must be the name or the ARN of a function')
  }
  const fifo = plainName(trigger.queue).endsWith('.fifo')
  checkWholeNumber('functionTimeoutSeconds', trigger.functionTimeoutSeconds, 1, TRIGGER_LIMITS.functionTimeoutSeconds)
  checkWholeNumber('batchSize', trigger.batchSize, 1, fifo ? TRIGGER_LIMITS.fifoBatchSize : TRIGGER_LIMITS.batchSize)
  checkWholeNumber('batchingWindowSeconds', trigger.batchingWindowSeconds, 0, TRIGGER_LIMITS.batchingWindowSeconds)
  checkWholeNumber('maxConcurrency', trigger.maxConcurrency, 1, TRIGGER_LIMITS.maxConcurrency)
  if (fifo && trigger.batchingWindowSeconds > 0) {
    throw invalid('batchingWindowSeconds', trigger.batchingWindowSeconds, 'must be 0 on a FIFO queue')
  }
  for (const field of ['enabled', 'reportBatchItemFailures'] as const) {
    if (typeof trigger[field] !== 'boolean') throw invalid(field, trigger[field], 'must be true or false')
  }
  checkUnmatched(trigger)
  return trigger
}

const checkUnmatched = ({ queue, filter, unmatched }: Trigger): void => {
  if ((filter === undefined) !== (unmatched === undefined)) {
    const rule = 'must be given exactly when there is a filter: "delete", or { queue } to move them to'
    throw invalid('unmatched', unmatched, rule)
  }
  if (unmatched === undefined || unmatched === 'delete') return
  if (typeof unmatched !== 'object' || unmatched === null)
    throw invalid('unmatched', unmatched, 'must be "delete" or { queue }')
  for (const [field, value] of Object.entries(unmatched)) {
    if (field !== 'queue') throw unknownField(`unmatched.${field}`, value, ['queue'])
  }
  checkQueueName(unmatched.queue, 'unmatched.queue')
  if (unmatched.queue === queue) throw invalid('unmatched.queue', plainName(queue), 'must be another queue')
  if (unmatched.queue.endsWith('.fifo') !== queue.endsWith('.fifo')) {
    throw invalid('unmatched.queue', unmatched.queue, 'must be of the same kind as the queue, FIFO or standard')
  }
}

/** Reads a queue's trigger consistently. */
export const readTrigger = async (engine: Engine, queue: string): Promise<StoredTrigger | undefined> =>
  (await readVersion(engine, queue))?.trigger

const triggerIn = (document: Document): StoredTrigger =>
  valueIn<StoredTrigger>(document, {
    queue: 'string',
    functionName: 'string',
    functionTimeoutSeconds: 'number',
    batchSize: 'number',
    batchingWindowSeconds: 'number',
    maxConcurrency: 'number',
    enabled: 'boolean',
    reportBatchItemFailures: 'boolean',
  })

const readVersion = async (engine: Engine, queue: string) => {
  const document = await engine.store.getDocument(triggerKey(queue), { consistent: true })
  return document && { trigger: triggerIn(document), version: document.version }
}

/**
 * Declares a queue's trigger, or changes it. A run that is under way reads the change within seconds. Without one, the next
 * tick starts a run, because the trigger and its entry of the due index are written together.
 *
 * @throws `InvalidRequest`, also where another stack or file declares this queue's trigger; `QueueNotFound`
 */
export const setTrigger = async (
  engine: Engine,
  given: GivenTrigger,
  { declaredBy }: Declarer = {},
): Promise<Trigger> => {
  const trigger = checkedTrigger(given)
  await engine.queues.fresh(trigger.queue)
  await checkTarget(engine, trigger)
  await store(engine, { ...trigger, declaredAt: engine.clock.now(), ...(declaredBy !== undefined && { declaredBy }) })
  return trigger
}

/**
 * Stores a trigger, and "now" in the queue's entry of the due index. Both writes require the versions that were read, so that a
 * concurrent removal is noticed. A run that ends meanwhile has either read the trigger, or finds that the entry has changed.
 *
 * The trigger is deleted when it is removed, and the next one begins with version 1 again. The entry stays for ever, each declaration
 * and each removal writes it, and it is read first: while its version is the same, the trigger is the one that was read.
 */
const store = async (engine: Engine, trigger: StoredTrigger): Promise<void> => {
  for (;;) {
    const { due, version } = await readDue(engine, trigger.queue)
    const present = await readVersion(engine, trigger.queue)
    const declarer = present?.trigger.declaredBy
    if (trigger.declaredBy !== undefined && declarer !== undefined && declarer !== trigger.declaredBy) {
      const message = `queue ${plainName(trigger.queue)} has a trigger that ${declarer} declares: remove it there first`
      throw new HoldfastError('InvalidRequest', message, { queue: trigger.queue })
    }
    const value = trigger as unknown as JsonValue
    const at = Math.min(due.at ?? Number.POSITIVE_INFINITY, engine.clock.now())
    const { applied } = await engine.store.transact([
      { kind: 'put', key: triggerKey(trigger.queue), value, ifVersion: present?.version ?? 0 },
      duePut(trigger.queue, { ...due, at, left: true }, version),
    ])
    if (applied) return
  }
}

const checkTarget = async (engine: Engine, { unmatched }: Trigger): Promise<void> => {
  if (typeof unmatched !== 'object') return
  if (await readQueue(engine.store, unmatched.queue, { consistent: true })) return
  throw invalid('unmatched.queue', plainName(unmatched.queue), 'must name a queue that exists')
}

/**
 * Removes a queue's trigger, or with `declaredBy` only a trigger that this stack or file declares. Returns whether it removed
 * one. Invocations that are under way are not ended.
 */
export const removeTrigger = async (engine: Engine, queue: string, { declaredBy }: Declarer = {}): Promise<boolean> => {
  checkQueueName(queue)
  for (;;) {
    const { due, version } = await readDue(engine, queue)
    const present = await readVersion(engine, queue)
    if (!present || (declaredBy !== undefined && present.trigger.declaredBy !== declaredBy)) return false
    const { applied } = await engine.store.transact([
      { kind: 'delete', key: triggerKey(queue), ifVersion: present.version },
      duePut(queue, due, version),
    ])
    if (applied) return true
  }
}

/** @throws `QueueNotFound`, `InvalidRequest` where the queue has no trigger */
export const getTrigger = async (engine: Engine, queue: string): Promise<Trigger> => {
  checkQueueName(queue)
  const trigger = await readTrigger(engine, queue)
  if (trigger) return trigger
  await engine.queues.fresh(queue)
  throw new HoldfastError('InvalidRequest', `queue ${plainName(queue)} has no trigger: declare one`, { queue })
}

/** Every trigger, in the order of the queues' names. */
export async function* triggers(engine: Engine): AsyncGenerator<Trigger> {
  for await (const { queue } of dueQueues(engine)) {
    const trigger = await readTrigger(engine, queue)
    if (trigger) yield trigger
  }
}
