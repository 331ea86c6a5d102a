import { updateQueue } from '../../../lib/queues/update-queue.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Changes settings of the queue while it is worked on. */
export const settingsChanger: Work = async (world, { name, random, process }) => {
  const { everyMs = DEFAULT_EVERY_MS, during = [{}] } = world.settings.changes ?? {}
  const pause = random.whole(everyMs / 8, everyMs)
  const settings = random.oneOf(during)
  await process.sleep(pause)
  try {
    await updateQueue(process.engine, queueName(world.settings), { settings })
    world.story?.note(world.scheduler.now(), name, `sets ${JSON.stringify(settings)}`)
  } catch (error) {
    passing(error)
  }
}

const DEFAULT_EVERY_MS = 2_500
