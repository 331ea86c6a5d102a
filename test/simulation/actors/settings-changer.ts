import type { SettingsChange } from '../../../lib/model/queue-settings.ts'
import { updateQueue } from '../../../lib/queues/update-queue.ts'
import type { Pause } from '../history.ts'
import type { Actor, World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

/** Changes settings of the queue while other actors use the queue. */
export const settingsChanger: Work = async (world, actor) => {
  const { everyMs = DEFAULT_EVERY_MS, during = [{}] } = world.settings.changes ?? {}
  const pause = actor.random.whole(everyMs / 8, everyMs)
  const settings = actor.random.oneOf(during)
  await actor.process.sleep(pause)
  try {
    await change(world, actor, settings)
  } catch (error) {
    passing(error)
  }
}

const DEFAULT_EVERY_MS = 2_500

const change = async (world: World, { name, process }: Actor, settings: SettingsChange): Promise<void> => {
  const { history, scheduler, story, coverage } = world
  const pause: Pause = { paused: settings.paused === true, startedAt: scheduler.now(), endedAt: undefined }
  if (settings.paused !== undefined) history.pauses.push(pause)
  await updateQueue(process.engine, queueName(world.settings), { settings })
  pause.endedAt = scheduler.now()
  if (settings.shards !== undefined) coverage.feature('shards change')
  story?.note(scheduler.now(), name, `sets ${JSON.stringify(settings)}`)
}

/** Gives the queue the settings that it is to have in the end, when nothing fails any more. */
export const changeAtRest = async (world: World): Promise<void> => {
  const { changes } = world.settings
  if (changes) await change(world, world.newActor('settings-changer-last'), changes.atRest)
}
