import { isHoldfastError } from '../../../lib/model/errors.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { undoRedrive } from '../../../lib/redrive/undo.ts'
import { deadLetterQueueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Redrives the dead-letter queue: moves its messages back to the queues that they came from. */
export const redriver: Work = async (world, { name, random, process }) => {
  const pause = random.whole(...world.spans.redriveEveryMs)
  await process.sleep(pause)
  // A task that fails half-way keeps others from starting for a minute, so that none is wasted on an empty queue.
  if (world.history.deadLettered.size === 0) return
  const queue = deadLetterQueueName(world.settings)
  try {
    const { taskId } = await startRedrive(process.engine, queue)
    world.history.redrives.push(taskId)
    const { moved } = await runRedrive(process.engine, queue, taskId)
    if (moved > 0) world.coverage.feature('redrive')
    if (moved > 0) world.story?.note(world.scheduler.now(), name, `has moved ${moved} messages back from ${queue}`)
  } catch (error) {
    if (!isHoldfastError(error, 'OperationInProgress')) passing(error)
  }
}

/** Undoes one of the last redrives. Consumers receive what it moved in the meantime. */
export const undoer: Work = async ({ history, settings, scheduler, coverage, story }, { name, random, process }) => {
  const [pause, back] = [random.whole(20, 500), random.oneOf([1, 1, 2])]
  await process.sleep(pause)
  const redrive = history.redrives.at(-back)
  if (redrive === undefined) return
  const queue = deadLetterQueueName(settings)
  history.undos.push({ by: name, redrive, startedAt: scheduler.now() })
  try {
    const { taskId } = await undoRedrive(process.engine, queue, redrive)
    const { moved, received = 0, behind = 0 } = await runRedrive(process.engine, queue, taskId)
    coverage.outcome('undo of a redrive', moved > 0 ? 'done' : 'refused')
    story?.note(scheduler.now(), name, `has undone a redrive: ${moved} went back, ${received + behind} stay`)
  } catch (error) {
    if (!isHoldfastError(error, 'OperationInProgress')) passing(error)
  }
}
