import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Changes the delay of the queue, which on a FIFO queue also counts for the messages that are in it. */
export const delayChanger: Work = async (world, { name, random, process }) => {
  const pause = random.whole(300, 2_500)
  const delaySeconds = random.oneOf(world.settings.delaysSeconds ?? [0])
  await process.sleep(pause)
  try {
    await updateQueue(process.engine, queueName(world.settings), { settings: { delaySeconds } })
    world.story?.note(world.scheduler.now(), name, `sets the delay to ${delaySeconds} s`)
  } catch (error) {
    passing(error)
  }
}
