import type { Engine } from '../engine.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { plainName } from '../model/queue-name.ts'
import { runningRedriveKey } from '../store/keys.ts'
import type { Document, Write } from '../store/port.ts'
import { valueIn } from '../store/unreadable.ts'
import { isOver, readTask, type TaskRecord, taskWrite } from './redrive-task.ts'

/**
 * Stores a new task. A dead-letter queue has at most one task that is not over, redrive or undo, so that a message is never moved back
 * and forth by two at once.
 *
 * @param further writes on whose conditions the task is stored
 * @throws `OperationInProgress`
 */
export const storeTask = async (engine: Engine, record: TaskRecord, further: readonly Write[] = []): Promise<void> => {
  const { source: queue, taskId, startedAt } = record
  const ifVersion = await runningVersion(engine, queue)
  const { applied } = await engine.store.transact([
    taskWrite(record, 0, startedAt),
    // Its end deletes it. Who has read an earlier one would replace this one if it began with the same version.
    { kind: 'put', key: runningRedriveKey(queue), value: { taskId }, ifVersion, firstVersion: startedAt },
    ...further,
  ])
  if (applied) return
  const message = `a redrive, or the undo of one, is running already on queue ${plainName(queue)}: cancel it, or wait for its end`
  throw new HoldfastError('OperationInProgress', message, { queue })
}

/**
 * The version that a new running redrive replaces: that of the stored one when its task is over or has expired, else 0. With 0 the write
 * fails while a task runs.
 */
const runningVersion = async (engine: Engine, queue: string): Promise<number> => {
  const running = await engine.store.getDocument(runningRedriveKey(queue), { consistent: true })
  if (!running) return 0
  try {
    const { record } = await readTask(engine, queue, runningTask(running))
    return isOver(record) ? running.version : 0
  } catch (error) {
    if (!isHoldfastError(error, 'RedriveNotFound')) throw error
    return running.version
  }
}

const runningTask = (document: Document): string => valueIn<{ taskId: string }>(document, { taskId: 'string' }).taskId
