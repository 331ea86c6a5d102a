import type { Engine } from '../../lib/engine.ts'
import { ifQueueExists, isHoldfastError } from '../../lib/model/errors.ts'
import { LIMITS } from '../../lib/model/limits.ts'
import type { Queue } from '../../lib/model/queue-settings.ts'
import { listQueues } from '../../lib/queues/list-queues.ts'
import {
  cancelRedrive,
  listRedrives,
  MAX_ORIGINS,
  type RedriveRequest,
  startRedrive,
} from '../../lib/redrive/redrive.ts'
import type { QueueSelection, RedriveTask } from '../../lib/redrive/redrive-task.ts'
import type { ActionContext } from './context.ts'
import { codeOf, invalidParameter, invalidValue, SqsError } from './errors.ts'
import type { Input, Output } from './model.ts'
import { parseQueueArn, type QueueAddress, queueArn } from './queue-url.ts'
import { sourcesIn } from './queues.ts'

const MAX_RATE = LIMITS.redriveMessagesPerSecond
const MAX_RESULTS = 10
const ACTIONS_ON_SOURCE = ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'] as const

/**
 * A task removes messages from one queue and sends them to others: the caller must be allowed to do both. Without a
 * destination each message goes back to the queue that it failed in. The caller must be allowed to send to every queue
 * that names the source as its dead-letter queue. A message of a queue that named the source earlier moves only where the
 * caller may send to that queue, and stays otherwise.
 */
export const startMessageMoveTask = async (
  context: ActionContext,
  input: Input<'StartMessageMoveTask'>,
): Promise<Output<'StartMessageMoveTask'>> => {
  const { engine, names } = context
  const source = addressIn('SourceArn', input.SourceArn)
  const destination = input.DestinationArn ? addressIn('DestinationArn', input.DestinationArn) : undefined
  const rate = checkedRate(input.MaxNumberOfMessagesPerSecond)
  await context.authorize?.(source)
  for (const action of ACTIONS_ON_SOURCE) await context.authorize?.(source, action)
  if (destination) await context.authorize?.(destination, 'SendMessage')
  const name = await existingQueue(context, 'SourceArn', source)
  const destinationName = destination && (await existingQueue(context, 'DestinationArn', destination))
  if (name === destinationName) throw invalidParameter('Source queue and destination queue must be different.')
  const queues = await queuesInScope(context, source)
  const origins = sourcesIn(queues, name)
  if (origins.length === 0) throw invalidParameter('Source queue must be configured as a Dead Letter Queue.')
  if (!destination) {
    for (const origin of origins) await context.authorize?.(names.addressOf(origin.name), 'SendMessage')
  }
  const selection = destination ? undefined : checkedSelection(context.sendableQueues?.(queues))
  const task = await startTask(engine, name, {
    ...(destinationName !== undefined && { destination: destinationName }),
    ...(selection && { origins: selection }),
    ...(rate !== undefined && { maxPerSecond: rate }),
  })
  await context.startRedrive(name, task.taskId)
  return { TaskHandle: taskHandle(task.taskId, queueArn(names.addressOf(name))) }
}

const checkedRate = (rate: number | undefined): number | undefined => {
  if (rate === undefined || (rate >= 1 && rate <= MAX_RATE)) return rate
  throw invalidValue('MaxNumberOfMessagesPerSecond', rate, `Must be between 1 and ${MAX_RATE}.`)
}

const checkedSelection = (selection: QueueSelection | undefined): QueueSelection | undefined => {
  if (!selection) return undefined
  const { length } = 'only' in selection ? selection.only : selection.except
  if (length <= MAX_ORIGINS) return selection
  throw new SqsError(
    'UnsupportedOperation',
    `The rights of the caller tell more than ${MAX_ORIGINS} queues apart: name a DestinationArn.`,
  )
}

const startTask = async (engine: Engine, name: string, request: RedriveRequest): Promise<RedriveTask> => {
  try {
    return await startRedrive(engine, name, request)
  } catch (error) {
    if (!isHoldfastError(error, 'OperationInProgress')) throw error
    throw invalidParameter(
      'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
    )
  }
}

const addressIn = (parameter: string, arn: string | undefined): QueueAddress => {
  const address = parseQueueArn(arn ?? '')
  if (address) return address
  throw invalidParameter(
    `You must use this format to specify the ${parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
  )
}

const existingQueue = async (
  { engine, names }: ActionContext,
  parameter: string,
  address: QueueAddress,
): Promise<string> => {
  const name = names.engineName(address)
  if (await ifQueueExists(engine.queues.get(name))) return name
  throw new SqsError(
    'ResourceNotFoundException',
    `The resource that you specified for the ${parameter} parameter doesn't exist.`,
  )
}

/** All queues of an account and region. A queue's dead-letter queue is of the same account and region. */
const queuesInScope = async ({ engine, names }: ActionContext, address: QueueAddress): Promise<Queue[]> => {
  const scope = names.engineScope(address)
  const queues: Queue[] = []
  let cursor: string | undefined
  do {
    const page = await listQueues(engine, { scope, limit: 100, ...(cursor !== undefined && { cursor }) })
    queues.push(...page.queues)
    cursor = page.cursor
  } while (cursor !== undefined)
  return queues
}

const taskHandle = (taskId: string, sourceArn: string): string =>
  Buffer.from(JSON.stringify({ taskId, sourceArn }), 'utf8').toString('base64')

const parseTaskHandle = (handle: string): { taskId: string; source: QueueAddress } | undefined => {
  try {
    const { taskId, sourceArn } = JSON.parse(Buffer.from(handle, 'base64').toString('utf8')) as Record<string, unknown>
    const source = typeof sourceArn === 'string' ? parseQueueArn(sourceArn) : undefined
    return typeof taskId === 'string' && /^[\w.~-]{1,128}$/.test(taskId) && source ? { taskId, source } : undefined
  } catch {
    return undefined
  }
}

export const cancelMessageMoveTask = async (
  context: ActionContext,
  input: Input<'CancelMessageMoveTask'>,
): Promise<Output<'CancelMessageMoveTask'>> => {
  const task = parseTaskHandle(input.TaskHandle ?? '')
  if (!task) throw invalidParameter('Value for parameter TaskHandle is invalid.')
  await context.authorize?.(task.source)
  const name = await existingQueue(context, 'SourceArn', task.source)
  try {
    const { moved } = await cancelRedrive(context.engine, name, task.taskId)
    return { ApproximateNumberOfMessagesMoved: moved }
  } catch (error) {
    // A task that is over has no handle in SQS.
    if (!isHoldfastError(error, 'RedriveNotFound') && !isHoldfastError(error, 'InvalidRequest')) throw error
    throw new SqsError('ResourceNotFoundException', 'Task does not exist.', { cause: error })
  }
}

export const listMessageMoveTasks = async (
  context: ActionContext,
  input: Input<'ListMessageMoveTasks'>,
): Promise<Output<'ListMessageMoveTasks'>> => {
  const source = addressIn('SourceArn', input.SourceArn)
  const limit = input.MaxResults ?? 1
  if (limit < 1 || limit > MAX_RESULTS) {
    throw invalidValue('MaxResults', limit, `Must be between 1 and ${MAX_RESULTS}.`)
  }
  await context.authorize?.(source)
  const tasks = await listRedrives(context.engine, await existingQueue(context, 'SourceArn', source))
  // SQS has no undo: there a task only moves messages out of its source.
  const results = tasks
    .filter(({ undoes }) => undoes === undefined)
    .slice(0, limit)
    .map((task) => taskResult(context, task))
  return { Results: results.length > 0 ? results : undefined }
}

const taskResult = ({ names }: ActionContext, task: RedriveTask) => {
  const source = queueArn(names.addressOf(task.source))
  return {
    TaskHandle: task.state === 'running' ? taskHandle(task.taskId, source) : undefined,
    Status: task.state.toUpperCase(),
    SourceArn: source,
    DestinationArn: task.destination === undefined ? undefined : queueArn(names.addressOf(task.destination)),
    MaxNumberOfMessagesPerSecond: task.maxPerSecond,
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    FailureReason: task.failureCode ? codeOf(task.failureCode) : task.failure,
    StartedTimestamp: task.startedAt,
  }
}
