import type { Engine } from '../engine.ts'
import { type ErrorCode, HoldfastError } from '../model/errors.ts'
import type { JsonValue } from '../model/message.ts'
import { isQueueName, plainName } from '../model/queue-name.ts'
import type { Cursor } from '../queues/partitions.ts'
import { redriveKey, runningRedriveKey } from '../store/keys.ts'
import type { Document, Write } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'

/** Selects messages of a dead-letter queue: those that meet every condition given. */
export interface RedriveFilter {
  readonly messageIds?: readonly string[]
  /** The queue they failed in. */
  readonly sourceQueue?: string
  /** Attributes with these values, as text. */
  readonly attributes?: Readonly<Record<string, string>>
  /** Text that the body contains. */
  readonly bodyContains?: string
}

/** Some queues of an account and region, by plain name: only these, or all except these. */
export type QueueSelection = { readonly only: readonly string[] } | { readonly except: readonly string[] }

export const isSelected = (selection: QueueSelection | undefined, queue: string): boolean => {
  if (!selection) return true
  return 'only' in selection ? selection.only.includes(queue) : !selection.except.includes(queue)
}

export interface RedriveTask {
  readonly taskId: string
  /** The dead-letter queue. */
  readonly source: string
  /** The queue that all messages are moved to. Absent: each message is moved to the queue it came from. */
  readonly destination?: string
  /** Queues that messages may go back to; a message of another queue stays. All queues when absent. */
  readonly origins?: QueueSelection
  readonly filter?: RedriveFilter
  readonly maxPerSecond?: number
  readonly state: 'running' | 'completed' | 'cancelling' | 'cancelled' | 'failed'
  /** Messages moved. After a crash those moved since the last write of the progress are missing. */
  readonly moved: number
  /** Messages in the dead-letter queue at the start. */
  readonly toMove: number
  /** Epoch ms. */
  readonly startedAt: number
  /** The message and the code of the error that ended the task. */
  readonly failure?: string
  readonly failureCode?: ErrorCode
  /** The redrive that this task undoes: messages move back into `source`. Absent for a redrive. */
  readonly undoes?: string
  /** The last task that undid this redrive. */
  readonly undoneBy?: string
  /** Of an undo: messages that stay, because a consumer received them after the redrive. */
  readonly received?: number
  /** Of an undo: messages of FIFO groups that stay, because one before them stays. */
  readonly behind?: number
  /** Of a completed undo: messages that it did not find. They were acked, deleted, rescheduled or moved elsewhere, or have expired. */
  readonly gone?: number
}

/** A place in one of the queues that an undo passes through. */
export interface UndoCursor extends Cursor {
  /** Position of the queue in `targets`. @default 0 */
  readonly target?: number
  /** Whether a message of the group stays, so that no later one may go back. */
  readonly held?: true
}

/** A task as it is stored, with its progress and its runner's lease. */
export interface TaskRecord extends RedriveTask {
  readonly cursor: UndoCursor
  /**
   * The queues that a redrive moves messages to, each recorded before the first move, or that an undo takes them from. Absent when an
   * earlier version began the redrive: then it can't be undone.
   */
  readonly targets?: readonly string[]
  /** The redrive moves messages to more than `MAX_TARGETS` queues, so that it can't be undone. */
  readonly untracked?: true
  /** When the task ended, epoch ms. */
  readonly endedAt?: number
  /** Of an undo: when the redrive moved messages, epoch ms. */
  readonly window?: { readonly from: number; readonly to: number }
  /** When the runner's lease ends unless the runner renews it, epoch ms. Afterwards another runner may take over. */
  readonly runUntil: number
}

export interface TaskState {
  readonly record: TaskRecord
  readonly version: number
}

/** The targets are in the task's record, which is written with each page of messages, so their number is limited. */
export const MAX_TARGETS = 1_000

const KEPT_MS = 14 * 86_400_000
const NEWEST_FIRST = 2 ** 48

/** A UUID of version 8 (RFC 9562), as clients of SQS expect; the newest sorts first. */
export const newTaskId = (engine: Engine): string => {
  const order = (NEWEST_FIRST - engine.clock.now()).toString(16).padStart(12, '0')
  const random = Buffer.from(engine.random.bytes(9)).toString('hex')
  return `${order.slice(0, 8)}-${order.slice(8)}-8${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6)}`
}

/** The write of a task's record. Each write renews its expiry, so that the record of a running task never expires. */
export const taskWrite = (record: TaskRecord, ifVersion: number, now: number): Write => ({
  kind: 'put',
  key: redriveKey(record.source, record.taskId),
  value: { ...record, state: storedState(record) } as unknown as JsonValue,
  ifVersion,
  expiresAt: now + KEPT_MS,
})

/**
 * The state of an undo is stored with a prefix. A version that knows no undo takes such a task for one that is over. Otherwise it would
 * run the task as a redrive of all messages.
 */
const UNDO = 'undo-'
const storedState = ({ state, undoes }: TaskRecord): string => (undoes === undefined ? '' : UNDO) + state

/** @throws `RedriveNotFound` */
export const readTask = async (engine: Engine, queue: string, taskId: string): Promise<TaskState> => {
  const document =
    isQueueName(queue) && /^[0-9a-f-]{28,36}$/.test(taskId)
      ? await engine.store.getDocument(redriveKey(queue, taskId), { consistent: true })
      : undefined
  if (!document) {
    const message = `queue ${plainName(queue)} has no redrive ${JSON.stringify(taskId)}`
    throw new HoldfastError('RedriveNotFound', message, { queue, field: 'taskId', value: taskId })
  }
  return { record: taskIn(document), version: document.version }
}

/** The task in a document. @throws `Internal`, naming the item, when the document holds no task */
export const taskIn = (document: Document): TaskRecord => {
  const record = valueIn<TaskRecord>(document, {
    taskId: 'string',
    source: 'string',
    state: 'string',
    moved: 'number',
    toMove: 'number',
    startedAt: 'number',
    runUntil: 'number',
    cursor: 'object',
  })
  valueIn<Cursor>({ ...document, value: record.cursor as unknown as JsonValue }, { shard: 'number', from: 'string' })
  const { state } = record
  return state.startsWith(UNDO) ? { ...record, state: state.slice(UNDO.length) as TaskRecord['state'] } : record
}

/** Whether the task records where its messages go, so that it can be undone. */
export const isTracked = ({ targets, untracked }: TaskRecord): boolean => targets !== undefined && !untracked

export const isOver = ({ state }: RedriveTask): boolean => state !== 'running' && state !== 'cancelling'

export const asTask = ({
  cursor: _,
  runUntil: __,
  targets,
  untracked,
  endedAt,
  window,
  ...task
}: TaskRecord): RedriveTask => ({
  ...task,
  ...(task.undoes !== undefined && task.state === 'completed' && { gone: goneSince(task) }),
})

/** After a crash of its runner a redrive may have moved more than it counted. */
const goneSince = ({ toMove, moved, received = 0, behind = 0 }: RedriveTask): number =>
  Math.max(0, toMove - moved - received - behind)

/** Writes a task's next state, and deletes the running redrive when the task is over. Returns nothing when the task changed concurrently. */
export const writeTask = async (
  engine: Engine,
  { version }: TaskState,
  next: TaskRecord,
): Promise<TaskState | undefined> => {
  const now = engine.clock.now()
  const record = isOver(next) ? { ...next, endedAt: now } : next
  const writes: Write[] = [taskWrite(record, version, now)]
  if (isOver(record)) writes.push({ kind: 'delete', key: runningRedriveKey(record.source) })
  const { applied } = await engine.store.transact(writes)
  return applied ? { record, version: version + 1 } : undefined
}
