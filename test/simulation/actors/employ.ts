import { type HoldfastError, isHoldfastError } from '../../../lib/model/errors.ts'
import type { HandleResult } from '../../../lib/model/message.ts'
import { START } from '../../support/manual-clock.ts'
import type { Actor, World } from '../world.ts'

/** One action of an actor, which is over when it resolves. */
export type Work = (world: World, actor: Actor) => Promise<void>

export const several = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at + 1))

/**
 * Runs an actor's actions one after the other, in a new process whenever its own is killed, until the time is over or there is nothing
 * left to do.
 */
export const employ = async (world: World, name: string, endAt: number, work: Work): Promise<void> => {
  const actor = world.newActor(name)
  while (goesOn(world, endAt)) {
    const { process } = actor
    await Promise.race([actUntil(world, actor, endAt, work), process.killed])
    if (process.isAlive()) return
    world.story?.note(world.scheduler.now(), name, 'is killed; a new process takes its place')
    world.startProcess(actor)
  }
}

const goesOn = (world: World, endAt: number): boolean => world.scheduler.now() < endAt && !isOver(world)

/** Whether the cast has nothing left to do: publishers publish no more, and what they published is gone. */
const isOver = ({ scheduler, observer, spans: { publishMs } }: World): boolean =>
  publishMs !== undefined && scheduler.now() >= START + publishMs && observer.isEmpty()

/** The time that an action takes where shrinking leaves it out. */
const IDLE_MS = 500

const actUntil = async (world: World, actor: Actor, endAt: number, work: Work): Promise<void> => {
  while (goesOn(world, endAt)) {
    if (world.begin(actor, true)) await unlessDeleted(world, actor, work(world, actor))
    else await actor.process.sleep(IDLE_MS)
  }
}

/** Pause after an action that found no queue. */
const DELETED_MS = 200

const unlessDeleted = (world: World, actor: Actor, work: Promise<void>): Promise<void> =>
  work.catch((error: unknown) => {
    if (!world.tolerates(error)) throw error
    return actor.process.sleep(DELETED_MS)
  })

/** Failures that users must live with; any other is a fault of the engine, and ends the simulation. */
export const passing = (error: unknown): HoldfastError => {
  if (isHoldfastError(error) && error.retryable) return error
  throw error
}

/** Whether the operation was done. If not, the reason must be one that a consumer that is slow, or whose request is lost, expects. */
export const isDone = (result: HandleResult | undefined): boolean => {
  if (result?.ok) return true
  if (result?.error.code !== 'LeaseLost' && result?.error.code !== 'MessageNotFound') passing(result?.error)
  return false
}
