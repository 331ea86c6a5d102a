import type { Engine } from '../lib/engine.ts'
import { LIMITS } from '../lib/model/limits.ts'
import { publish } from '../lib/publish/publish.ts'
import { poll } from '../lib/receive/poll.ts'
import { ack } from '../lib/settle/ack.ts'
import { nack } from '../lib/settle/nack.ts'
import { bodyOfKind } from './bodies.ts'
import type { Usage } from './meter.ts'
import type { Rig } from './rig.ts'

/** The cost of a poll of ten messages. */
export interface PollCost {
  readonly readUnits: number
  readonly writeUnits: number
  /** Requests that were sent one after the other. */
  readonly rounds: number
  readonly ms: number
}

const POLLS = 30
const BATCH = 10
const MAX_BATCH = LIMITS.batchSize
const PARALLEL = 8

/** Publishes `count` messages, `batch` of them in each segment. */
export const fill = async (engine: Engine, queue: string, count: number, batch = BATCH): Promise<void> => {
  let left = count
  const work = async () => {
    while (left > 0) {
      const size = Math.min(batch, left)
      left -= size
      await publish(
        engine,
        queue,
        Array.from({ length: size }, () => ({ body: bodyOfKind('small') })),
      )
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
}

/** The mean cost of polls that each find a batch of ten, which was published right before. */
export const costOfPolls = async (rig: Rig, engine: Engine, queue: string, polls = POLLS): Promise<PollCost> => {
  const publisher = rig.process()
  const costs: PollCost[] = []
  for (let count = 0; count < polls; count++) {
    await publish(
      publisher,
      queue,
      Array.from({ length: 10 }, () => ({ body: bodyOfKind('small') })),
    )
    const { result, usage, ms } = await timed(rig, () => poll(engine, queue, { maxMessages: 10 }))
    if (result.length !== 10) throw new Error(`a poll got ${result.length} messages of 10`)
    costs.push(costOf(usage, ms))
    await ack(
      engine,
      queue,
      result.map(({ receiptHandle }) => receiptHandle),
    )
  }
  return mean(costs)
}

/** Leases all messages of the queue. Returns their receipt handles. */
export const leaseAll = async (engine: Engine, queue: string, count: number): Promise<string[]> => {
  const handles: string[] = []
  while (handles.length < count) {
    const messages = await poll(engine, queue, { maxMessages: MAX_BATCH })
    if (messages.length === 0) throw new Error(`only ${handles.length} of ${count} messages could be leased`)
    handles.push(...messages.map(({ receiptHandle }) => receiptHandle))
  }
  return handles
}

/** The cost of a poll and an ack of a message that was nacked in the middle of the messages in flight. */
export const costOfNackedMessage = async (
  rig: Rig,
  engine: Engine,
  queue: string,
  handle: string,
): Promise<PollCost> => {
  const [nacked] = await nack(engine, queue, [{ receiptHandle: handle, delaySeconds: 0 }])
  if (!nacked?.ok) throw new Error('the message could not be nacked')
  const { usage, ms } = await timed(rig, async () => {
    const [message] = await poll(engine, queue)
    if (!message) throw new Error('the nacked message was not found')
    await ack(engine, queue, [message.receiptHandle])
  })
  return costOf(usage, ms)
}

/** Polls until it finds a message that another process nacked. Returns how long that took, in ms. */
export const timeUntilNackedIsFound = async (
  rig: Rig,
  engine: Engine,
  queue: string,
  handle: string,
): Promise<number> => {
  await nack(rig.process(), queue, [{ receiptHandle: handle, delaySeconds: 0 }])
  const startedAt = Date.now()
  while ((await poll(engine, queue)).length === 0);
  return Date.now() - startedAt
}

const timed = async <T>(rig: Rig, work: () => Promise<T>) => {
  const startedAt = performance.now()
  const { result, usage } = await rig.measure(work)
  return { result, usage, ms: performance.now() - startedAt }
}

const costOf = ({ readUnits, writeUnits, rounds }: Usage, ms: number): PollCost => ({
  readUnits,
  writeUnits,
  rounds,
  ms,
})

const mean = (costs: readonly PollCost[]): PollCost => {
  const of = (field: keyof PollCost) => costs.reduce((sum, cost) => sum + cost[field], 0) / costs.length
  return { readUnits: of('readUnits'), writeUnits: of('writeUnits'), rounds: of('rounds'), ms: of('ms') }
}
