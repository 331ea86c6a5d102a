import type { Engine } from '../../lib/engine.ts'
import { cancelMessage, getMessage, rescheduleMessage } from '../../lib/messages/messages.ts'
import { type HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'
import type { HandleResult, Message } from '../../lib/model/message.ts'
import { publish } from '../../lib/publish/publish.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import type { Delivery } from './history.ts'
import { DEAD, type Process, QUEUE, type World } from './world.ts'

/** Failures that users must live with; any other is a fault of the engine, and ends the simulation. */
const passing = (error: unknown): HoldfastError => {
  if (isHoldfastError(error) && error.retryable) return error
  throw error
}

/** Runs someone's work in a process, in a new one whenever it crashes, until the time is over. */
export const employ = async (
  world: World,
  endAt: number,
  work: (world: World, process: Process) => Promise<void>,
): Promise<void> => {
  while (world.simulation.now() < endAt) {
    const process = world.newProcess()
    let crashed = false
    const loop = async () => {
      while (!crashed && world.simulation.now() < endAt) await work(world, process)
    }
    const died = process.crashed.then(() => {
      crashed = true
    })
    await Promise.race([loop(), died])
  }
}

let bodies = 0

export const publisher = async (world: World, { engine }: Process): Promise<void> => {
  const { random, history, simulation } = world
  const batch = Array.from({ length: random.chance(0.1) ? 25 : random.whole(1, 5) }, () => ({
    body: `body ${bodies++}`,
    ...(random.chance(0.2) && { delaySeconds: random.whole(0, 4) }),
    ...(random.chance(0.3) && { priority: 0 }),
  }))
  for (const { body } of batch) history.attempted(body)
  try {
    const results = await publish(engine, QUEUE, batch)
    for (const [position, result] of results.entries()) {
      if ('messageId' in result) history.published(batch[position]?.body as string, result.messageId)
      else passing(result.error)
    }
  } catch (error) {
    passing(error)
  }
  await simulation.sleep(random.whole(1, 400))
}

export const consumer = async (world: World, process: Process): Promise<void> => {
  const { random, simulation } = world
  const leaseSeconds = random.whole(1, 4)
  const deliveries = await receive(world, process, QUEUE, random.whole(1, 10), leaseSeconds, random.whole(0, 2))
  if (random.chance(0.3)) await ackTogether(world, process, deliveries)
  else await Promise.all(deliveries.map((delivery) => handle(world, process, delivery, leaseSeconds * 1_000)))
  await simulation.sleep(random.whole(0, 100))
}

export const receive = async (
  { history, simulation }: World,
  { engine }: Process,
  queue: string,
  maxMessages: number,
  leaseSeconds: number,
  waitTimeSeconds: number,
): Promise<Delivery[]> => {
  const startedAt = simulation.now()
  let messages: Message[] = []
  try {
    messages = await poll(engine, queue, { maxMessages, visibilityTimeoutSeconds: leaseSeconds, waitTimeSeconds })
  } catch (error) {
    passing(error)
  }
  const span = { startedAt, endedAt: simulation.now(), leaseMs: leaseSeconds * 1_000 }
  return messages.map((message) => history.received(queue, message, span))
}

/** What a consumer may do with a message, good or bad. */
const handle = async (world: World, process: Process, delivery: Delivery, leaseMs: number): Promise<void> => {
  const { random, simulation } = world
  await simulation.sleep(random.whole(0, 50))
  const way = random.whole(1, 10)
  if (way <= 4) return ackOne(world, process, delivery)
  if (way === 5) return
  if (way === 6) return giveBack(world, process, delivery)
  if (way === 7) return prolong(world, process, delivery, 0)
  if (way === 8) {
    await prolong(world, process, delivery, random.whole(1, 5))
    await simulation.sleep(random.whole(0, 2_000))
    return ackOne(world, process, delivery)
  }
  // Too slow, about as often as not: the lease runs out before the ack.
  await simulation.sleep(random.whole(0, 2 * leaseMs))
  return way === 9 ? ackOne(world, process, delivery) : giveBack(world, process, delivery)
}

const ackOne = (world: World, process: Process, delivery: Delivery) => ackTogether(world, process, [delivery])

export const ackTogether = async (
  { history, simulation }: World,
  { engine }: Process,
  deliveries: readonly Delivery[],
): Promise<void> => {
  const [first] = deliveries
  if (!first) return
  const removals = deliveries.map((one) => history.removing(one.message.messageId, simulation.now(), one))
  const handles = deliveries.map(({ message }) => message.receiptHandle)
  try {
    const results = await ack(engine, first.queue, handles)
    for (const [position, removal] of removals.entries()) {
      const result = results[position]
      if (result?.ok) removal.removed(simulation.now())
      else if (result?.error.code === 'LeaseLost') removal.refused()
      else passing(result?.error)
    }
  } catch (error) {
    passing(error)
  }
}

const giveBack = async ({ history, random }: World, { engine }: Process, delivery: Delivery): Promise<void> => {
  // Its rest is no lease: an ack by the one who gave it back still counts.
  history.moving(delivery, engine.clock.now())
  const { receiptHandle } = delivery.message
  try {
    const [result] = await nack(engine, delivery.queue, [{ receiptHandle, delaySeconds: random.whole(0, 3) }])
    expectable(result)
  } catch (error) {
    passing(error)
  }
}

const prolong = async ({ history }: World, { engine }: Process, delivery: Delivery, seconds: number): Promise<void> => {
  const move = history.moving(delivery, engine.clock.now() + seconds * 1_000)
  const { receiptHandle } = delivery.message
  try {
    const [result] = await extend(engine, delivery.queue, [{ receiptHandle, visibilityTimeoutSeconds: seconds }])
    if (result?.ok) move.moved()
    else expectable(result)
  } catch (error) {
    passing(error)
  }
}

/** What a consumer who was slow, or not heard, must expect. */
const expectable = (result: HandleResult | undefined): void => {
  if (result?.ok || result?.error.code === 'LeaseLost' || result?.error.code === 'MessageNotFound') return
  passing(result?.error)
}

/** Looks at messages by id, cancels and reschedules some. */
export const operator = async (world: World, { engine }: Process): Promise<void> => {
  const { history, random, simulation } = world
  await simulation.sleep(random.whole(100, 900))
  const messageId = [...history.expected().must].at(-random.whole(1, 20))
  if (messageId === undefined) return
  try {
    if (random.chance(0.3)) await getMessage(engine, QUEUE, messageId)
    else if (random.chance(0.5)) {
      await rescheduleMessage(engine, QUEUE, messageId, { delaySeconds: random.whole(0, 3) })
    } else await cancel(world, engine, messageId)
  } catch (error) {
    if (!isHoldfastError(error, 'MessageNotFound') && !isHoldfastError(error, 'OperationInProgress')) passing(error)
  }
}

const cancel = async ({ history, simulation }: World, engine: Engine, messageId: string): Promise<void> => {
  const removal = history.removing(messageId, simulation.now())
  try {
    await cancelMessage(engine, QUEUE, messageId)
    removal.removed(simulation.now())
  } catch (error) {
    if (isHoldfastError(error, 'OperationInProgress')) removal.refused()
    throw error
  }
}

/** Takes all that is left, acking it, for longer than anything can stay hidden. */
export const drain = async (world: World, process: Process, ms: number): Promise<void> => {
  const { simulation } = world
  const queues = world.maxReceives === undefined ? [QUEUE] : [QUEUE, DEAD]
  for (const endAt = simulation.now() + ms; simulation.now() < endAt; ) {
    for (const queue of queues) {
      await ackTogether(world, process, await receive(world, process, queue, 25, 4, 1))
    }
  }
}
