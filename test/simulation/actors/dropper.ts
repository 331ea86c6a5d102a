import { isHoldfastError } from '../../../lib/model/errors.ts'
import { DEFAULT_FIFO } from '../../../lib/model/queue-settings.ts'
import { createQueue } from '../../../lib/queues/create-queue.ts'
import { deleteQueue } from '../../../lib/queues/delete-queue.ts'
import { purgeQueue } from '../../../lib/queues/purge-queue.ts'
import type { Drop } from '../history.ts'
import type { Actor, World } from '../world.ts'
import { queueName } from '../world-settings.ts'
import { passing, type Work } from './employ.ts'

const GAP_MS = [0, 1_500] as const

/** Purges the queue. */
export const purger: Work = async (world, actor) => {
  await actor.process.sleep(actor.random.whole(...world.spans.dropEveryMs))
  const drop = begun(world, 'purge')
  try {
    await purgeQueue(actor.process.engine, queueName(world.settings))
    done(world, actor, drop)
  } catch (error) {
    passing(error)
  }
}

/** Deletes the queue, and creates another one of its name a moment later. */
export const deleter: Work = async (world, actor) => {
  const { random, process } = actor
  const [pause, gap] = [random.whole(...world.spans.dropEveryMs), random.whole(...GAP_MS)]
  await process.sleep(pause)
  const drop = begun(world, 'deletion')
  try {
    await deleteQueue(process.engine, queueName(world.settings))
    done(world, actor, drop)
  } catch (error) {
    // The deleter's own earlier request, whose answer was lost, has deleted the queue.
    if (!isHoldfastError(error, 'QueueNotFound')) passing(error)
  }
  await process.sleep(gap)
  await create(world, actor)
}

const begun = ({ history, scheduler }: World, kind: Drop['kind']): Drop => {
  const drop: Drop = { kind, startedAt: scheduler.now(), endedAt: undefined }
  history.drops.push(drop)
  return drop
}

const done = ({ scheduler, coverage, story }: World, { name }: Actor, drop: Drop): void => {
  drop.endedAt = scheduler.now()
  coverage.feature(drop.kind)
  story?.note(scheduler.now(), name, `has done a ${drop.kind} of the queue`)
}

const create = async (world: World, { process, name }: Actor): Promise<void> => {
  const { settings, scheduler, story } = world
  const fifo = settings.kind === 'fifo' ? { fifo: DEFAULT_FIFO } : {}
  try {
    await createQueue(process.engine, queueName(settings), { settings: { ...fifo, ...settings.settings } })
    story?.note(scheduler.now(), name, 'has created the queue')
  } catch (error) {
    // Another request created the queue, and its settings were changed since.
    if (!isHoldfastError(error, 'QueueExists')) passing(error)
  }
}

/** Makes sure that the queue exists in the end, when nothing fails any more. */
export const createAtRest = async (world: World): Promise<void> => {
  if (world.settings.cast.deleters) await create(world, world.newActor('creator-last'))
}
