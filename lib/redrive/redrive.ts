import type { Engine } from '../engine.ts'
import { invalid, isHoldfastError } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import { checkQueueName, plainName } from '../model/queue-name.ts'
import { counts } from '../queues/counts.ts'
import { START } from '../queues/partitions.ts'
import { RUNNING_REDRIVES, redrivePartition } from '../store/keys.ts'
import { type Move, movePage } from './redrive-move.ts'
import {
  asTask,
  isOver,
  newTaskId,
  type QueueSelection,
  type RedriveFilter,
  type RedriveTask,
  readTask,
  type TaskRecord,
  type TaskState,
  taskIn,
  writeTask,
} from './redrive-task.ts'
import { storeTask } from './store-task.ts'
import { type UndoPage, undoPage } from './undo-page.ts'
import { undoCounts } from './undo-segment.ts'

export interface RedriveRequest {
  /** @default each message to the queue it failed in */
  readonly destination?: string
  /**
   * Queues that messages may go back to, at most 1,000 names: those that the caller may send to. A message of another
   * queue stays. It has no effect together with `destination`. @default all
   */
  readonly origins?: QueueSelection
  readonly filter?: RedriveFilter
  /** Messages a second, 1 … 500 (SQS's range). @default no limit */
  readonly maxPerSecond?: number
}

const REQUEST_FIELDS: FieldNames<RedriveRequest> = {
  destination: true,
  origins: true,
  filter: true,
  maxPerSecond: true,
}
const FILTER_FIELDS: FieldNames<RedriveFilter> = {
  messageIds: true,
  sourceQueue: true,
  attributes: true,
  bodyContains: true,
}

/** A runner that has not written its progress for this long is considered dead. */
const RUNNER_LEASE_MS = 60_000
const MAX_LISTED = 10
export const MAX_ORIGINS = 1_000

/**
 * Starts a task that moves the messages of a dead-letter queue back to the queues they came from, or to another one. The call only stores
 * the task. `runRedrive` does the work.
 *
 * @throws `QueueNotFound`, `InvalidRequest`, `OperationInProgress` while another task of this queue runs
 */
export const startRedrive = async (
  engine: Engine,
  deadLetterQueue: string,
  request: RedriveRequest = {},
): Promise<RedriveTask> => {
  const { destination, origins, filter, maxPerSecond } = knownFields(request, REQUEST_FIELDS)
  if (filter) knownFields(filter, FILTER_FIELDS, 'filter')
  await engine.queues.get(deadLetterQueue)
  if (destination !== undefined) await checkDestination(engine, deadLetterQueue, destination)
  if (maxPerSecond !== undefined) checkWholeNumber('maxPerSecond', maxPerSecond, 1, LIMITS.redriveMessagesPerSecond)
  if (origins) checkOrigins(origins)
  const { ready } = await counts(engine, deadLetterQueue)
  const record: TaskRecord = {
    taskId: newTaskId(engine),
    source: deadLetterQueue,
    ...(destination !== undefined && { destination }),
    ...(origins && destination === undefined && { origins }),
    ...(filter && { filter }),
    ...(maxPerSecond !== undefined && { maxPerSecond }),
    state: 'running',
    moved: 0,
    toMove: ready,
    startedAt: engine.clock.now(),
    cursor: START,
    targets: destination === undefined ? [] : [destination],
    runUntil: 0,
  }
  await storeTask(engine, record)
  return asTask(record)
}

const checkDestination = async (engine: Engine, deadLetterQueue: string, destination: string): Promise<void> => {
  checkQueueName(destination, 'destination')
  if (destination === deadLetterQueue) throw invalid('destination', plainName(destination), 'must be another queue')
  await engine.queues.get(destination)
  if (destination.endsWith('.fifo') !== deadLetterQueue.endsWith('.fifo')) {
    throw invalid('destination', plainName(destination), 'must be of the same kind as the queue, FIFO or standard')
  }
}

/** The names are in the task's record, which is written with each page of messages, so their number is limited. */
const checkOrigins = (origins: QueueSelection): void => {
  const { length } = 'only' in origins ? origins.only : origins.except
  if (length > MAX_ORIGINS) throw invalid('origins', length, `must be at most ${MAX_ORIGINS} names`)
}

/**
 * Moves messages until the task is done or cancelled, or `signal` aborts. Another call continues where this one stopped. Messages move
 * in transactions, so that a crash at any point neither loses nor duplicates a message, and two runners do no harm. Returns at once
 * while another runner has the task.
 *
 * @throws `RedriveNotFound`
 */
export const runRedrive = async (
  engine: Engine,
  deadLetterQueue: string,
  taskId: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<RedriveTask> => {
  const found = await readTask(engine, deadLetterQueue, taskId)
  const now = engine.clock.now()
  if (isOver(found.record) || found.record.runUntil > now) return asTask(found.record)
  let task = await writeTask(engine, found, { ...found.record, runUntil: now + RUNNER_LEASE_MS })
  while (task && !isOver(task.record)) {
    if (signal?.aborted) {
      const released = await writeTask(engine, task, { ...task.record, runUntil: 0 })
      return asTask((released ?? task).record)
    }
    task = await step(engine, task, signal)
  }
  return asTask((task ?? (await readTask(engine, deadLetterQueue, taskId))).record)
}

/** Moves a page and writes the progress. Returns nothing when another runner has taken over. */
const step = async (
  engine: Engine,
  task: TaskState,
  signal: AbortSignal | undefined,
): Promise<TaskState | undefined> => {
  const { record } = task
  if (record.state === 'cancelling') return writeTask(engine, task, { ...record, state: 'cancelled' })
  const moved = await progressOf(engine, record, signal)
  const progress: TaskRecord = { ...record, ...moved, runUntil: engine.clock.now() + RUNNER_LEASE_MS }
  const written = await writeTask(engine, task, progress)
  if (written) return written
  // A cancellation may have written the task concurrently. Its state is kept, and this runner's count too.
  const current = await readTask(engine, record.source, record.taskId)
  if (current.record.state !== 'cancelling') return undefined
  return writeTask(engine, current, { ...current.record, moved: progress.moved, state: 'cancelled' })
}

type Progress = Omit<Partial<TaskRecord>, 'taskId'> & Pick<TaskRecord, 'moved' | 'cursor' | 'state'>

/** The progress of the task after one more page, or its failure. */
const progressOf = async (engine: Engine, record: TaskRecord, signal: AbortSignal | undefined): Promise<Progress> => {
  try {
    if (record.undoes !== undefined) return progressOfUndo(record, await undoPage(engine, record, { signal }))
    const page: Move = await movePage(engine, record, signal)
    return {
      moved: record.moved + page.moved,
      cursor: page.cursor,
      state: page.done ? 'completed' : 'running',
      ...(page.targets && { targets: page.targets }),
      ...(page.untracked && { untracked: true }),
    }
  } catch (error) {
    if (!isHoldfastError(error) || error.retryable) throw error
    const { moved, cursor } = record
    return { moved, cursor, state: 'failed', failure: error.message, failureCode: error.code }
  }
}

const progressOfUndo = (record: TaskRecord, { cursor, done, ...counts }: UndoPage): Progress => ({
  ...undoCounts(record, counts),
  cursor,
  state: done ? 'completed' : 'running',
})

/** @throws `RedriveNotFound` */
export const getRedrive = async (engine: Engine, deadLetterQueue: string, taskId: string): Promise<RedriveTask> =>
  asTask((await readTask(engine, deadLetterQueue, taskId)).record)

/** At most ten tasks of a queue, the newest first. @throws `QueueNotFound` */
export const listRedrives = async (engine: Engine, deadLetterQueue: string): Promise<readonly RedriveTask[]> => {
  await engine.queues.get(deadLetterQueue)
  const partition = redrivePartition(deadLetterQueue)
  const documents = await engine.store.listDocuments({ partition, limit: MAX_LISTED, consistent: true })
  return documents.map((document) => asTask(taskIn(document)))
}

/**
 * Asks a running task to stop. Messages that it moved stay where they are.
 *
 * @throws `RedriveNotFound`, `InvalidRequest` when the task is already over
 */
export const cancelRedrive = async (engine: Engine, deadLetterQueue: string, taskId: string): Promise<RedriveTask> => {
  for (;;) {
    const task = await readTask(engine, deadLetterQueue, taskId)
    if (isOver(task.record))
      throw invalid('taskId', taskId, `must name a running redrive (this one is ${task.record.state})`)
    // Without a runner the task is over at once.
    const idle = task.record.runUntil <= engine.clock.now()
    const written = await writeTask(engine, task, { ...task.record, state: idle ? 'cancelled' : 'cancelling' })
    if (written) return asTask(written.record)
  }
}

/** The tasks of all queues that are not over, for a process that continues them. */
export const runningRedrives = async (engine: Engine): Promise<readonly { queue: string; taskId: string }[]> => {
  const documents = await engine.store.listDocuments({ partition: RUNNING_REDRIVES, limit: 1_000, consistent: true })
  // A damaged document must not keep the redrives of other queues from continuing.
  return documents.flatMap(({ sort, value }) => {
    const { taskId } = (value ?? {}) as { taskId?: unknown }
    return typeof taskId === 'string' ? [{ queue: sort, taskId }] : []
  })
}
