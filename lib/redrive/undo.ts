import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import { plainName } from '../model/queue-name.ts'
import { START } from '../queues/partitions.ts'
import {
  asTask,
  isOver,
  isTracked,
  newTaskId,
  type RedriveTask,
  readTask,
  type TaskRecord,
  type TaskState,
  taskWrite,
} from './redrive-task.ts'
import { storeTask } from './store-task.ts'
import { undoPage } from './undo-page.ts'
import { undoCounts } from './undo-segment.ts'

export interface UndoRequest {
  /** Messages a second, 1 … 500. @default no limit */
  readonly maxPerSecond?: number
}

const REQUEST_FIELDS: FieldNames<UndoRequest> = { maxPerSecond: true }

/** What an undo would do now. */
export interface UndoPreview {
  /** The redrive. */
  readonly taskId: string
  /** Messages that would go back. */
  readonly returning: number
  /** Messages that a consumer received after the redrive: they stay. */
  readonly received: number
  /** Messages of FIFO groups that stay, because one before them stays. */
  readonly behind: number
  /** Messages that are not there any more: acked, deleted, rescheduled, moved elsewhere or expired. Absent unless `complete`. */
  readonly gone?: number
  /** Whether all messages of the redrive were counted. Otherwise the time was over, and the numbers are too low. */
  readonly complete: boolean
  /** The queues that the redrive moved messages to. */
  readonly queues: readonly string[]
}

/** How long a preview counts, ms: an HTTP request has to be answered in time. */
const PREVIEW_MS = 5_000

/**
 * Starts a task that moves messages of a redrive back to the dead-letter queue: those that no consumer has received since. Messages that
 * were received stay where they are, and on a FIFO queue those behind them in their group. The call only stores the task, and
 * `runRedrive` does the work. A redrive can be undone several times, when messages stayed or the undo was cancelled; `cancelRedrive`
 * cancels an undo.
 *
 * writes, in one transaction: the task, the running redrive, and the record of the redrive with the task's id · condition: no other task
 * of the queue runs, and the redrive is unchanged
 * @throws `RedriveNotFound`, 14 days after the redrive too; `QueueNotFound`; `OperationInProgress` while the redrive or another task of
 *   this queue runs; `InvalidRequest` for an undo, and for a redrive that was begun by an earlier version
 */
export const undoRedrive = async (
  engine: Engine,
  deadLetterQueue: string,
  taskId: string,
  request: UndoRequest = {},
): Promise<RedriveTask> => {
  const { maxPerSecond } = knownFields(request, REQUEST_FIELDS)
  if (maxPerSecond !== undefined) checkWholeNumber('maxPerSecond', maxPerSecond, 1, LIMITS.redriveMessagesPerSecond)
  const { record: redrive, version } = await undoable(engine, deadLetterQueue, taskId)
  await engine.queues.get(deadLetterQueue)
  const record: TaskRecord = {
    ...(await undoOf(engine, redrive)),
    ...(maxPerSecond !== undefined && { maxPerSecond }),
  }
  await storeTask(engine, record, [taskWrite({ ...redrive, undoneBy: record.taskId }, version, record.startedAt)])
  return asTask(record)
}

/**
 * Counts what an undo of a redrive would do now, for at most five seconds. Moves nothing.
 *
 * reads: what `undoPage` reads
 * @throws as `undoRedrive`, but not because of another task
 */
export const previewUndo = async (
  engine: Engine,
  deadLetterQueue: string,
  taskId: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<UndoPreview> => {
  const { record: redrive } = await undoable(engine, deadLetterQueue, taskId)
  const task = await undoOf(engine, redrive)
  const deadline = engine.clock.now() + PREVIEW_MS
  let counted = task
  let complete = false
  while (!complete && !signal?.aborted && engine.clock.now() < deadline) {
    const { cursor, done, ...counts } = await undoPage(engine, counted, { signal, dry: true })
    counted = { ...counted, ...undoCounts(counted, counts), cursor }
    complete = done
  }
  const { moved, received = 0, behind = 0 } = counted
  const { gone } = asTask({ ...counted, state: complete ? 'completed' : 'running' })
  return {
    taskId,
    returning: moved,
    received,
    behind,
    ...(gone !== undefined && { gone }),
    complete,
    queues: (redrive.targets ?? []).map(plainName),
  }
}

/** The redrive, which can be undone. */
const undoable = async (engine: Engine, queue: string, taskId: string): Promise<TaskState> => {
  const task = await readTask(engine, queue, taskId)
  const { record } = task
  if (record.undoes !== undefined) {
    throw invalid(
      'taskId',
      taskId,
      'must name a redrive (this one is an undo, whose messages another redrive moves again)',
    )
  }
  if (!isOver(record)) {
    const message = 'the redrive still runs: cancel it, and then undo it'
    throw new HoldfastError('OperationInProgress', message, { queue, field: 'taskId', value: taskId })
  }
  if (isTracked(record)) return task
  throw invalid(
    'taskId',
    taskId,
    record.untracked
      ? 'must name a redrive to at most 1,000 queues'
      : 'must name a redrive that recorded what it moved (an earlier version of Holdfast began this one)',
  )
}

/** The task of an undo that begins now. */
const undoOf = async (engine: Engine, redrive: TaskRecord): Promise<TaskRecord> => {
  const now = engine.clock.now()
  const { taskId, source, targets = [], startedAt, endedAt = now } = redrive
  return {
    taskId: newTaskId(engine),
    source,
    undoes: taskId,
    state: 'running',
    moved: 0,
    received: 0,
    behind: 0,
    toMove: await stillOut(engine, redrive),
    startedAt: now,
    cursor: START,
    runUntil: 0,
    targets,
    window: { from: startedAt, to: endedAt },
  }
}

/** How many messages of the redrive no earlier undo moved back. */
const stillOut = async (engine: Engine, { source, moved, undoneBy }: TaskRecord): Promise<number> => {
  if (undoneBy === undefined) return moved
  try {
    const { record: undo } = await readTask(engine, source, undoneBy)
    return Math.max(0, undo.toMove - undo.moved)
  } catch (error) {
    if (!isHoldfastError(error, 'RedriveNotFound')) throw error
    return moved
  }
}
