import { setTimeout as sleep } from 'node:timers/promises'
import { localVisibility } from '../lib/visibility/visibility.ts'
import { costOfNackedMessage, costOfPolls, fill, leaseAll, type PollCost, timeUntilNackedIsFound } from './depth.ts'
import type { Figure } from './figures.ts'
import type { Rig } from './rig.ts'

/** A poll may cost at most this many times what it costs on an empty queue. */
const MAX_RATIO = 2
/** Only key ranges older than two seconds get into an in-flight snapshot. */
const SNAPSHOT_AGE_MS = 2_500

/** The cost of a poll of ten by the number of messages waiting, and by the number in flight. */
export const depthFigures = async (rig: Rig, { million = false } = {}): Promise<Figure[]> => {
  const fresh = await freshCosts(rig)
  const figures: Figure[] = [
    ...costFigures('an empty queue', 'a process that has polled before', fresh.warm),
    ...costFigures('an empty queue', 'a new process', fresh.cold),
  ]
  for (const depth of [100, 1_000, 10_000, 100_000, ...(million ? [1_000_000] : [])]) {
    const queue = await rig.queue({ visibilityTimeoutSeconds: 3_600 })
    await fill(rig.process(), queue, depth)
    const section = `${depth.toLocaleString('en')} waiting`
    figures.push(...against(section, 'a new process', await costOfPolls(rig, rig.process(), queue, 1), fresh.cold))
    const warm = rig.process()
    await costOfPolls(rig, warm, queue, 2)
    figures.push(
      ...against(section, 'a process that has polled before', await costOfPolls(rig, warm, queue), fresh.warm),
    )
  }
  for (const inFlight of [100, 1_000, 20_000]) figures.push(...(await inFlightFigures(rig, inFlight, fresh)))
  return figures
}

interface Costs {
  readonly cold: PollCost
  readonly warm: PollCost
}

const freshCosts = async (rig: Rig): Promise<Costs> => {
  const queue = await rig.queue({ visibilityTimeoutSeconds: 3_600 })
  const warm = rig.process()
  const cold = await costOfPolls(rig, warm, queue, 1)
  return { cold, warm: await costOfPolls(rig, warm, queue) }
}

/** Costs of polls beside messages in flight. Each message has a segment of its own, so that there are as many headers as messages. */
const inFlightFigures = async (rig: Rig, count: number, fresh: Costs): Promise<Figure[]> => {
  const queue = await rig.queue({ visibilityTimeoutSeconds: 3_600 })
  const warm = rig.process()
  await fill(warm, queue, count, 1)
  const handles = await leaseAll(warm, queue, count)
  const section = `${count.toLocaleString('en')} in flight`
  await sleep(SNAPSHOT_AGE_MS)
  const polls = await costOfPolls(rig, warm, queue)
  const unshared = rig.process()
  const withoutSnapshots = { ...unshared, visibility: localVisibility(unshared.polls) }
  const unaided = await costOfPolls(rig, withoutSnapshots, queue, 1)
  const fromSnapshot = rig.process()
  const cold = await costOfPolls(rig, fromSnapshot, queue, 1)
  const next = await costOfPolls(rig, fromSnapshot, queue)
  const nacked = await costOfNackedMessage(rig, warm, queue, handles[count >> 1] as string)
  const foundMs = await timeUntilNackedIsFound(rig, warm, queue, handles[count >> 2] as string)
  return [
    ...against(section, 'a process that has polled before', polls, fresh.warm),
    ...costFigures(section, 'a poll and an ack of one that was nacked in their middle', nacked),
    { section, name: 'nacked by another process, found after', value: foundMs, unit: 'ms' },
    ...costFigures(section, 'the first poll of a new process, without snapshots', unaided),
    ...against(section, 'the first poll of a new process', cold, fresh.cold),
    ...against(section, 'its next polls', next, fresh.warm),
  ]
}

const costFigures = (section: string, poll: string, cost: PollCost): Figure[] => [
  { section, name: `${poll}: read units`, value: cost.readUnits, unit: '' },
  { section, name: `${poll}: write units`, value: cost.writeUnits, unit: '' },
  { section, name: `${poll}: round trips`, value: cost.rounds, unit: '' },
]

const against = (section: string, poll: string, cost: PollCost, fresh: PollCost): Figure[] => [
  ...costFigures(section, poll, cost),
  {
    section,
    name: `${poll}: read units against an empty queue`,
    value: cost.readUnits / fresh.readUnits,
    unit: '×',
    goal: MAX_RATIO,
  },
]
