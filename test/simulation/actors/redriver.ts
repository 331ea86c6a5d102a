import { isHoldfastError } from '../../../lib/model/errors.ts'
import { runRedrive, startRedrive } from '../../../lib/redrive/redrive.ts'
import { deadLetterQueueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Redrives the dead-letter queue: moves its messages back to the queues that they came from. */
export const redriver: Work = async (world, { name, random, process }) => {
  const pause = random.whole(200, 1_000)
  await process.sleep(pause)
  const queue = deadLetterQueueName(world.settings)
  try {
    const { taskId } = await startRedrive(process.engine, queue)
    const { moved } = await runRedrive(process.engine, queue, taskId)
    if (moved > 0) world.coverage.feature('redrive')
    if (moved > 0) world.story?.note(world.scheduler.now(), name, `has moved ${moved} messages back from ${queue}`)
  } catch (error) {
    if (!isHoldfastError(error, 'OperationInProgress')) passing(error)
  }
}
