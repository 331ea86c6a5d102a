import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../lib/engine.ts'
import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { fairFigures } from './fairness-figures.ts'
import { busyGroups, costOfRounds, fifoQueue, fillGroup, fillGroups, messagesFor, type RoundUsage } from './fifo.ts'
import type { Figure } from './figures.ts'
import type { Usage } from './meter.ts'
import { costs, expectMessages, expectNothing } from './poll-costs.ts'
import type { Rig } from './rig.ts'

const ROUNDS = 30
const GROUPS = 10_000
const DEEP = 20_000
const DEEPER = 200_000
/** Goals of the requests that are sent one after the other. */
const ROUND_TRIPS = { publish: 1, poll: 4, ack: 3 }
/** A process reads the queue's settings again every five seconds. */
const SLACK = 0.1

/** Costs of message groups: units and round trips, many groups, deep groups, and fairness between tenants. */
export const fifoFigures = async (rig: Rig, { million = false } = {}): Promise<Figure[]> => [
  ...(await loadFigures(rig)),
  ...(await duplicateFigures(rig)),
  ...(await freeFigures(rig)),
  ...(await busyFigures(rig)),
  ...(await deepFigures(rig, million ? DEEPER : DEEP)),
  ...(await fairFigures(rig, million ? 5 * DEEP : DEEP)),
]

const LOADS = [
  { name: 'FIFO, batches of 10, no deduplication', batch: 10, writeGoal: 1.2 },
  { name: 'FIFO, batches of 10, explicit deduplication ids', batch: 10, ids: true, writeGoal: 3.5 },
  { name: 'FIFO, batches of 10, content-based deduplication', batch: 10, byContent: true, writeGoal: 3.5 },
  { name: 'FIFO, one by one, no deduplication', batch: 1, writeGoal: 9 },
  { name: 'FIFO, one by one, explicit deduplication ids', batch: 1, ids: true, writeGoal: 11 },
]

const loadFigures = async (rig: Rig): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const { name: section, batch, ids = false, byContent = false, writeGoal } of LOADS) {
    const queue = await fifoQueue(rig, { contentBasedDeduplication: byContent })
    const usage = await costOfRounds(rig, queue, { batch, ids, rounds: ROUNDS })
    figures.push(...perMessage(section, usage, ROUNDS * batch, writeGoal))
  }
  return figures
}

const perMessage = (section: string, usage: RoundUsage, messages: number, writeGoal: number): Figure[] => {
  const total = (field: 'writeUnits' | 'readUnits' | 'requests') =>
    Object.values(usage).reduce((sum: number, part: Usage) => sum + part[field], 0) / messages
  const unit = 'per message'
  return [
    { section, name: 'write units', value: total('writeUnits'), unit, goal: writeGoal },
    { section, name: 'read units', value: total('readUnits'), unit },
    { section, name: 'requests', value: total('requests'), unit },
    ...Object.entries(usage).map(([verb, { rounds }]: [string, Usage]) => ({
      section,
      name: `round trips, one after the other: ${verb}`,
      value: rounds / ROUNDS,
      unit: 'per request',
      goal: ROUND_TRIPS[verb as keyof typeof ROUND_TRIPS] + SLACK,
    })),
  ]
}

/** The cost of a publish of ten messages whose deduplication ids are all taken. */
const duplicateFigures = async (rig: Rig): Promise<Figure[]> => {
  const queue = await fifoQueue(rig)
  const engine = rig.process()
  const messages = messagesFor('group', 10, true)
  await publish(engine, queue, messages)
  const { usage } = await rig.measure(() => publish(engine, queue, messages))
  const section = 'FIFO, a publish of ten whose deduplication ids are taken'
  return costs(section, 'the publish', usage, 1)
}

const POLLS = 8

/** The cost of polls of ten, each of which finds a batch of one group, by the number of groups. */
const freeFigures = async (rig: Rig): Promise<Figure[]> => {
  const figures: Figure[] = []
  let few: Usage | undefined
  for (const groups of [10, 1_000, GROUPS]) {
    const queue = await fifoQueue(rig)
    await fillGroups(rig.unmetered(), queue, groups, 10)
    const engine = rig.process()
    const { usage } = await rig.measure(() => expectMessages(engine, queue, POLLS))
    const section = `FIFO, a poll of ten, ${groups.toLocaleString('en')} groups, all free`
    figures.push(...costs(section, 'mean of a process’s first polls', usage, POLLS))
    few ??= usage
    const against = { section, unit: '×', goal: 2 }
    figures.push(
      { ...against, name: 'read units against ten groups', value: usage.readUnits / few.readUnits },
      { ...against, name: 'write units against ten groups', value: usage.writeUnits / few.writeUnits },
    )
  }
  return figures
}

const TIGHT_POLLS = 200
const LONG_POLL_SECONDS = 10

const busyFigures = async (rig: Rig): Promise<Figure[]> => {
  const queue = await fifoQueue(rig)
  await busyGroups(rig.unmetered(), queue, GROUPS)
  const section = `FIFO, ${GROUPS.toLocaleString('en')} groups, all busy`
  const engine = rig.process()
  const first = await rig.measure(() => expectNothing(engine, queue, 1))
  const tight = await rig.measure(() => expectNothing(engine, queue, TIGHT_POLLS))
  const long = await rig.measure(() => poll(engine, queue, { waitTimeSeconds: LONG_POLL_SECONDS }))
  const free = `FIFO, one free group among ${GROUPS.toLocaleString('en')} busy ones`
  // Another process publishes it, so that the poller's hints do not have the group, and only a scan can find it.
  const other = rig.unmetered()
  await publish(other, queue, messagesFor('free', 1))
  const cold = rig.process()
  const coldPoll = await rig.measure(() => poll(cold, queue, { maxMessages: 10, visibilityTimeoutSeconds: 0 }))
  if (coldPoll.result.length !== 1) throw new Error('the first poll of a process missed the only free group')
  const sought = await rig.measure(() => pollsUntilFound(engine, queue))
  await publish(engine, queue, messagesFor('own', 1))
  const own = await rig.measure(() => poll(engine, queue, { maxMessages: 10 }))
  if (own.result.length !== 1) throw new Error('a group that this process published to was not found at once')
  return [
    ...costs(section, 'the first poll of a process', first.usage, 1),
    ...costs(section, 'its next polls', tight.usage, TIGHT_POLLS, { readUnits: 3, rounds: 2 }),
    ...costs(section, `a long poll of ${LONG_POLL_SECONDS} s`, long.usage, 1),
    ...costs(free, 'the first poll of a process finds it', coldPoll.usage, 1),
    { section: free, name: 'published by another process, found by poll number', value: sought.result, unit: '' },
    ...costs(free, 'until then', sought.usage, 1),
    ...costs(free, 'published by the same process, found by the next poll', own.usage, 1, { readUnits: 6, rounds: 5 }),
  ]
}

const pollsUntilFound = async (engine: Engine, queue: string): Promise<number> => {
  for (let polls = 1; ; polls++) {
    if ((await poll(engine, queue, { maxMessages: 10 })).length > 0) return polls
    await sleep(10)
  }
}

const deepFigures = async (rig: Rig, depth: number): Promise<Figure[]> => {
  const section = `FIFO, a group with ${depth.toLocaleString('en')} messages waiting`
  const engine = rig.process()
  const small = await fifoQueue(rig)
  const deep = await fifoQueue(rig)
  const filler = rig.unmetered()
  await fillGroup(filler, small, 'small', 25)
  await fillGroup(filler, deep, 'deep', depth)
  // The first request reads the queue's settings.
  for (const queue of [small, deep]) await engine.queues.get(queue)
  const one = await rig.measure(() => expectMessages(engine, small, 1))
  const other = await rig.measure(() => expectMessages(engine, deep, 1))
  await publish(filler, deep, messagesFor('beside', 1))
  const beside = await rig.measure(() => poll(engine, deep, { maxMessages: 10 }))
  if (beside.result.length !== 1) throw new Error('a deep group hides another')
  const against = { section, unit: '×', goal: 2 }
  return [
    ...costs(section, 'a poll of ten', other.usage, 1),
    {
      ...against,
      name: 'read units against a group of 25',
      value: other.usage.readUnits / one.usage.readUnits,
    },
    {
      ...against,
      name: 'write units against a group of 25',
      value: other.usage.writeUnits / one.usage.writeUnits,
    },
    ...costs(section, 'a poll of another group beside it', beside.usage, 1),
  ]
}
