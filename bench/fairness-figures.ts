import { LIMITS } from '../lib/model/limits.ts'
import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { bodyOfKind } from './bodies.ts'
import { fillGroup, pollsUntilServed } from './fifo.ts'
import type { Figure } from './figures.ts'
import { costs, expectMessages, expectNothing, goal } from './poll-costs.ts'
import type { Rig } from './rig.ts'

const HOUR_SECONDS = 3_600
const TIGHT_POLLS = 200

/** Costs of fair groups of standard queues: turns between tenants, limits in flight, and queues without groups. */
export const fairFigures = async (rig: Rig, depth: number): Promise<Figure[]> => {
  const served = async (section: string, noise: number, goalOf?: number): Promise<[number, Figure[]]> => {
    const queue = await rig.queue({ visibilityTimeoutSeconds: HOUR_SECONDS })
    const filler = rig.unmetered()
    if (noise > 0) await fillGroup(filler, queue, 'noisy', noise)
    await publish(
      filler,
      queue,
      Array.from({ length: 10 }, (_, tenant) => ({ body: bodyOfKind('small'), groupId: `quiet-${tenant}` })),
    )
    const engine = rig.process()
    const { result, usage } = await rig.measure(() => pollsUntilServed(engine, queue, 'quiet'))
    return [
      result,
      [
        { section, name: 'polls of ten until all ten are served', value: result, unit: '', ...goal(goalOf) },
        ...costs(section, 'polls and acks until then', usage, 1),
      ],
    ]
  }
  const [alone, idle] = await served('Fairness, ten tenants with a message each', 0)
  const noisy = `Fairness, the same beside a tenant with ${depth.toLocaleString('en')}`
  const [, beside] = await served(noisy, depth, alone + 4)
  return [...idle, ...beside, ...(await limited(rig)), ...(await ungrouped(rig))]
}

const LIMIT = 10

/** The cost of a poll of a group with a limit of messages in flight, below the limit and at it. */
const limited = async (rig: Rig): Promise<Figure[]> => {
  const queue = await rig.queue({ visibilityTimeoutSeconds: HOUR_SECONDS, maxInFlightPerGroup: LIMIT })
  const engine = rig.process()
  await fillGroup(rig.unmetered(), queue, 'tenant', LIMITS.batchSize)
  await engine.queues.get(queue)
  const room = await rig.measure(() => expectMessages(engine, queue, 1))
  const full = await rig.measure(() => expectNothing(engine, queue, 1))
  const next = await rig.measure(() => expectNothing(engine, queue, 1))
  const section = `A group with a limit of ${LIMIT} in flight`
  return [
    ...costs(section, 'a poll of ten out of one segment', room.usage, 1),
    ...costs(section, 'the first poll that finds it full', full.usage, 1),
    ...costs(section, 'the next polls', next.usage, 1),
  ]
}

/** The cost of polls of a queue without message groups. */
const ungrouped = async (rig: Rig): Promise<Figure[]> => {
  const queue = await rig.queue()
  const engine = rig.process()
  await poll(engine, queue)
  const { usage } = await rig.measure(() => expectNothing(engine, queue, TIGHT_POLLS))
  return costs('A standard queue that never saw a group', 'an empty poll', usage, TIGHT_POLLS, {
    readUnits: 0.51,
    rounds: 1.05,
  })
}
