import { counts } from '../../lib/queues/counts.ts'
import { consumer, drain, employ, operator, publisher } from './actors.ts'
import { DEAD, newWorld, QUEUE, type World, type WorldSettings } from './world.ts'

export interface Cast {
  readonly publishers: number
  readonly consumers: number
  readonly operators: number
  /** Simulated time during which they work. */
  readonly ms: number
}

/** Longer than any lease, delay or rest of the simulation, and than a poller's memory of what it may skip. */
const REST_MS = 15_000
const DRAIN_MS = 30_000

/**
 * Lets publishers, consumers and operators work while things fail, then stops the failing and empties the queues with
 * a process that has been polling all along. Answers what went against the promises.
 */
export const simulate = async (settings: WorldSettings, cast: Cast): Promise<string[]> => {
  const world = await newWorld(settings)
  return world.simulation.run(play(world, cast))
}

const play = async (world: World, { publishers, consumers, operators, ms }: Cast): Promise<string[]> => {
  const { simulation, history } = world
  const endAt = simulation.now() + ms
  const works = [
    ...Array.from({ length: publishers }, () => publisher),
    ...Array.from({ length: consumers }, () => consumer),
    ...Array.from({ length: operators }, () => operator),
  ]
  await Promise.all(works.map((work) => employ(world, endAt, work)))
  world.calm()
  await simulation.sleep(1_000)
  const counted = await total(world)
  const { must, most } = history.expected()
  const before = [
    ...(counted < must.size ? [`${counted} messages counted where ${must.size} must be`] : []),
    ...(counted > most ? [`${counted} messages counted where at most ${most} can be`] : []),
  ]
  const last = world.newProcess()
  await drain(world, last, REST_MS + DRAIN_MS)
  const received = new Set(history.deliveries.map(({ message }) => message.messageId))
  const lost = [...must].filter((messageId) => !received.has(messageId))
  const left = history.expected().must
  const counted2 = await total(world)
  return [
    ...before,
    ...history.violations(),
    ...lost.map((messageId) => `lost: ${messageId}, which was published and never received`),
    ...[...left].map((messageId) => `not received again: ${messageId}`),
    ...(counted2 > 0 ? [`${counted2} messages counted after everything was acked`] : []),
  ]
}

const total = async (world: World): Promise<number> => {
  const { engine } = world.newProcess()
  let sum = 0
  for (const queue of world.maxReceives === undefined ? [QUEUE] : [QUEUE, DEAD]) {
    const { ready, delayed, leased, exact } = await counts(engine, queue)
    if (!exact) throw new Error('a small queue was not counted exactly')
    sum += ready + delayed + leased
  }
  return sum
}
