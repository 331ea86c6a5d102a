import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { ack } from '../lib/settle/ack.ts'
import { type BodyKind, bodyOfKind } from './bodies.ts'
import type { Figure } from './figures.ts'
import type { Usage } from './meter.ts'
import type { Rig } from './rig.ts'

interface Load {
  readonly name: string
  readonly body: BodyKind
  readonly batch: number
  readonly writeGoal: number
  readonly readGoal?: number
}

const LOADS: readonly Load[] = [
  { name: 'one by one, 150 B', body: 'small', batch: 1, writeGoal: 3, readGoal: 0.8 },
  { name: 'one by one, 1 KB', body: 'medium', batch: 1, writeGoal: 3, readGoal: 0.8 },
  { name: 'batches of 10, 150 B', body: 'small', batch: 10, writeGoal: 0.35, readGoal: 0.2 },
  { name: 'batches of 10, 1 KB', body: 'medium', batch: 10, writeGoal: 0.6, readGoal: 0.2 },
  {
    name: 'batches of 10, 1 KB that does not compress',
    body: 'incompressible',
    batch: 10,
    writeGoal: 1.1,
    readGoal: 0.2,
  },
  { name: 'batches of 25, 150 B', body: 'small', batch: 25, writeGoal: 0.25 },
]

const ROUNDS = 40
const GOAL_ROUNDS = { publish: 1, poll: 2, ack: 1 }

/** Units, requests and round trips of messages that one process publishes, polls and acks on a queue of its own. */
export const unitFigures = async (rig: Rig): Promise<Figure[]> => {
  const figures: Figure[] = []
  for (const load of LOADS) figures.push(...(await figuresOf(rig, load)))
  figures.push(...(await emptyPolls(rig)))
  return figures
}

const figuresOf = async (rig: Rig, load: Load): Promise<Figure[]> => {
  const { name: section, batch, writeGoal, readGoal } = load
  const { messages, parts } = await costOfLoad(rig, load)
  if (messages !== ROUNDS * batch) throw new Error(`${section}: received ${messages} of ${ROUNDS * batch} messages`)
  const total = (field: 'writeUnits' | 'readUnits' | 'requests' | 'misreported') =>
    Object.values(parts).reduce((sum, usage) => sum + usage[field], 0)
  if (total('misreported') > 0) throw new Error(`${section}: the engine reports other units than the items' sizes give`)
  const unit = 'per message'
  return [
    { section, name: 'write units', value: total('writeUnits') / messages, unit, goal: writeGoal },
    { section, name: 'read units', value: total('readUnits') / messages, unit, ...(readGoal && { goal: readGoal }) },
    { section, name: 'requests', value: total('requests') / messages, unit },
    ...Object.entries(parts).map(([verb, usage]: [string, Usage]) => ({
      section,
      name: `round trips, one after the other: ${verb}`,
      value: usage.rounds / ROUNDS,
      unit: 'per request',
      // A process reads the queue's settings again every few seconds, and checks a key range now and then.
      goal: GOAL_ROUNDS[verb as keyof typeof GOAL_ROUNDS] + 0.1,
    })),
  ]
}

interface LoadCost {
  /** Number of messages received. */
  readonly messages: number
  readonly parts: Readonly<Record<keyof typeof GOAL_ROUNDS, Usage>>
}

/** Publishes all rounds of a load, then polls them, then acks them. */
const costOfLoad = async (rig: Rig, { body, batch }: Load): Promise<LoadCost> => {
  const queue = await rig.queue()
  const engine = rig.process()
  await publish(engine, queue, [{ body: 'the first request of a process reads the settings' }])
  const [first] = await poll(engine, queue)
  if (first) await ack(engine, queue, [first.receiptHandle])
  const bodies = () => Array.from({ length: batch }, () => ({ body: bodyOfKind(body) }))
  const published = await rig.measure(async () => {
    for (let round = 0; round < ROUNDS; round++) await publish(engine, queue, bodies())
  })
  const polled = await rig.measure(async () => {
    const batches: string[][] = []
    for (let round = 0; round < ROUNDS; round++) {
      const messages = await poll(engine, queue, { maxMessages: batch })
      batches.push(messages.map(({ receiptHandle }) => receiptHandle))
    }
    return batches
  })
  const acked = await rig.measure(async () => {
    for (const handles of polled.result) await ack(engine, queue, handles)
  })
  return {
    messages: polled.result.flat().length,
    parts: { publish: published.usage, poll: polled.usage, ack: acked.usage },
  }
}

const EMPTY_POLLS = 100
const LONG_POLL_SECONDS = 20

const emptyPolls = async (rig: Rig): Promise<Figure[]> => {
  const queue = await rig.queue()
  const engine = rig.process()
  await poll(engine, queue)
  const empty = await rig.measure(async () => {
    for (let count = 0; count < EMPTY_POLLS; count++) await poll(engine, queue)
  })
  const long = await rig.measure(() => poll(engine, queue, { waitTimeSeconds: LONG_POLL_SECONDS }))
  const section = 'an empty queue'
  return [
    { section, name: 'read units', value: empty.usage.readUnits / EMPTY_POLLS, unit: 'per poll', goal: 0.51 },
    { section, name: `read units, long poll of ${LONG_POLL_SECONDS} s`, value: long.usage.readUnits, unit: 'per poll' },
  ]
}
