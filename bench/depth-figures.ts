import { setTimeout as sleep } from 'node:timers/promises'
import { localVisibility } from '../lib/visibility/visibility.ts'
import { costOfLoneMessage, costOfPolls, fill, findingGivenBack, leaseAll, type PollCost } from './depth.ts'
import type { Figure } from './figures.ts'
import type { Rig } from './rig.ts'

/** How many times the cost on an empty queue a poll may cost. */
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

/** Each message is its own segment, and so has its own header: the most headers that so many messages can have. */
const inFlightFigures = async (rig: Rig, count: number, fresh: Costs): Promise<Figure[]> => {
  const queue = await rig.queue({ visibilityTimeoutSeconds: 3_600 })
  const warm = rig.process()
  await fill(warm, queue, count, 1)
  const handles = await leaseAll(warm, queue, count)
  const section = `${count.toLocaleString('en')} in flight`
  await sleep(SNAPSHOT_AGE_MS)
  const polls = await costOfPolls(rig, warm, queue)
  const unshared = rig.process()
  const alone = { ...unshared, visibility: localVisibility(unshared.polls) }
  const unaided = await costOfPolls(rig, alone, queue, 1)
  const once = rig.process()
  const cold = await costOfPolls(rig, once, queue, 1)
  const next = await costOfPolls(rig, once, queue)
  const lone = await costOfLoneMessage(rig, warm, queue, handles[count >> 1] as string)
  const foundMs = await findingGivenBack(rig, warm, queue, handles[count >> 2] as string)
  return [
    ...against(section, 'a process that has polled before', polls, fresh.warm),
    ...costFigures(section, 'a poll and an ack of one given back in their middle', lone),
    { section, name: 'given back by another process, found after', value: foundMs, unit: 'ms' },
    ...costFigures(section, 'the first poll of a new process, without snapshots', unaided),
    ...against(section, 'the first poll of a new process', cold, fresh.cold),
    ...against(section, 'its next ones', next, fresh.warm),
  ]
}

const costFigures = (section: string, who: string, cost: PollCost): Figure[] => [
  { section, name: `${who}: read units`, value: cost.readUnits, unit: '' },
  { section, name: `${who}: write units`, value: cost.writeUnits, unit: '' },
  { section, name: `${who}: round trips`, value: cost.rounds, unit: '' },
]

const against = (section: string, who: string, cost: PollCost, fresh: PollCost): Figure[] => [
  ...costFigures(section, who, cost),
  {
    section,
    name: `${who}: read units against an empty queue`,
    value: cost.readUnits / fresh.readUnits,
    unit: '×',
    goal: MAX_RATIO,
  },
]
