import type { Engine } from '../../lib/engine.ts'
import { isHoldfastError } from '../../lib/model/errors.ts'
import type { JsonValue, Message } from '../../lib/model/message.ts'
import { publish } from '../../lib/publish/publish.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import type { Operation } from './meter.ts'
import type { World } from './world.ts'

export const QUEUE = 'orders'
/** About 150 bytes each, as `bench/bodies.ts` has them, and the same in every run. */
export const BODIES = Array.from({ length: 25 }, (_, at) => {
  const { fraction, whole } = seededRandom(at)
  const orderId = `${fraction().toString(16).slice(2)}-${fraction().toString(16).slice(2)}`
  return {
    type: 'order.updated',
    orderId,
    customer: whole(0, 999_999),
    city: 'Hamburg',
    state: 'paid',
    amount: whole(0, 99_999) / 100,
  }
})
/** An application waits this long after an operation that failed. */
const AFTER_FAILURE_MS = 100

/** Does an operation and notes its latency. Answers nothing when it failed. */
const timed = async <T>(
  { scheduler, meter }: World,
  what: Operation,
  work: () => Promise<T>,
): Promise<T | undefined> => {
  const from = scheduler.now()
  try {
    return await work()
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    await scheduler.sleep(AFTER_FAILURE_MS)
    return undefined
  } finally {
    meter.took(what, scheduler.now() - from, scheduler.now())
  }
}

/** Publishes a batch. Answers how many messages were stored. */
export const publishBatch = async (world: World, engine: Engine, batch: number): Promise<number> => {
  const messages = Array.from({ length: batch }, (_, at) => ({ body: BODIES[at] as JsonValue }))
  const results = await timed(world, 'publish', () => publish(engine, QUEUE, messages))
  const stored = results?.filter(({ ok }) => ok).length ?? 0
  world.meter.count('published', stored, world.scheduler.now())
  world.meter.count('failed', batch - stored, world.scheduler.now())
  return stored
}

/** Polls once and acks what came. Answers the messages that were received. */
export const pollAndAck = async (
  world: World,
  engine: Engine,
  batch: number,
  { waitTimeSeconds = 0 } = {},
): Promise<readonly Message[]> => {
  const { scheduler, meter } = world
  const polled = () => poll(engine, QUEUE, { maxMessages: batch, waitTimeSeconds })
  const messages = (await timed(world, 'poll', polled)) ?? []
  if (messages.length === 0) return messages
  const now = scheduler.now()
  meter.count('received', messages.length, now)
  for (const { publishedAt } of messages) meter.waited(now - publishedAt, now)
  let handles = messages.map(({ receiptHandle }) => receiptHandle)
  for (let left = handles.length; left > 0; ) {
    const results = (await timed(world, 'ack', () => ack(engine, QUEUE, handles))) ?? []
    meter.count('acked', results.filter(({ ok }) => ok).length, scheduler.now())
    handles = handles.filter((_, position) => {
      const result = results[position]
      return result === undefined || (!result.ok && result.error.retryable)
    })
    left = handles.length
    meter.count('unacked', left, scheduler.now())
    if (left > 0) await scheduler.sleep(AFTER_FAILURE_MS)
  }
  return messages
}
