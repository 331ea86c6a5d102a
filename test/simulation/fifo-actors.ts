import { cancelMessage } from '../../lib/messages/messages.ts'
import { type HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'
import type { HandleResult, Message } from '../../lib/model/message.ts'
import { publish } from '../../lib/publish/publish.ts'
import { updateQueue } from '../../lib/queues/queues.ts'
import { poll } from '../../lib/receive/poll.ts'
import { ack } from '../../lib/settle/ack.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import type { GroupDelivery } from './fifo-history.ts'
import { type GroupWorld, QUEUE } from './fifo-world.ts'
import type { Process } from './world.ts'

/** Failures that users must live with; any other is a fault of the engine, and ends the simulation. */
const passing = (error: unknown): HoldfastError => {
  if (isHoldfastError(error) && error.retryable) return error
  throw error
}

const quietly = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch (error) {
    passing(error)
  }
}

/** Runs someone's work in a process, in a new one whenever it crashes, until the time is over. */
export const employ = async (
  world: GroupWorld,
  endAt: number,
  offByMs: number,
  work: (world: GroupWorld, process: Process) => Promise<void>,
): Promise<void> => {
  const { simulation } = world
  while (simulation.now() < endAt) {
    const process = world.newProcess(offByMs)
    let crashed = false
    const loop = async () => {
      while (!crashed && simulation.now() < endAt) await work(world, process)
    }
    const died = process.crashed.then(() => {
      crashed = true
    })
    await Promise.race([loop(), died])
  }
}

let bodies = 0
const TRIES = 3

/** Publishes some, under ids of its own, ids that others use at the same time, or none; tries again where it may. */
export const publisher = async (world: GroupWorld, { engine }: Process): Promise<void> => {
  const { random, history, simulation, groups } = world
  const round = Math.floor(simulation.now() / 200)
  const batch = Array.from({ length: random.chance(0.1) ? 25 : random.whole(1, 4) }, () => {
    const body = `message ${bodies++}`
    const groupId = random.oneOf(groups)
    // An id that is used by several at once is used in one group: a message's group tells what it is held against.
    const id = random.chance(0.3) ? `shared-${groupId}-${round}-${random.whole(1, 2)}` : `own-${body.slice(8)}`
    return { body, groupId, ...(random.chance(0.8) && { deduplicationId: id }) }
  })
  for (const { body, groupId, deduplicationId } of batch)
    history.attempted(body, groupId, simulation.now(), deduplicationId)
  let left = batch
  for (let attempt = 0; left.length > 0 && attempt < TRIES; attempt++) {
    const failed: typeof batch = []
    try {
      const results = await publish(engine, QUEUE, left)
      for (const [position, result] of results.entries()) {
        const message = left[position] as (typeof batch)[number]
        if ('messageId' in result) history.published(message.body, result, simulation.now())
        else if (passing(result.error) && message.deduplicationId) failed.push(message)
      }
    } catch (error) {
      passing(error)
      failed.push(...left.filter(({ deduplicationId }) => deduplicationId))
    }
    left = failed
  }
  await simulation.sleep(random.whole(1, 1_200))
}

export const consumer = async (world: GroupWorld, process: Process): Promise<void> => {
  const { random, simulation, settings } = world
  const leaseSeconds = random.whole(...(settings.leaseSeconds ?? [1, 4]))
  const received = await receive(world, process, QUEUE, random.oneOf([1, 3, 10, 25]), leaseSeconds, random.whole(0, 2))
  if (settings.diligent) await handleDiligently(world, process, received)
  else if (random.chance(0.3)) await ackTogether(world, process, received)
  else await Promise.all(received.map((delivery) => handle(world, process, delivery, leaseSeconds * 1_000)))
  await simulation.sleep(random.whole(0, 100))
}

export const receive = async (
  { history, simulation }: GroupWorld,
  { engine }: Process,
  queue: string,
  maxMessages: number,
  leaseSeconds: number,
  waitTimeSeconds: number,
): Promise<GroupDelivery[]> => {
  const startedAt = simulation.now()
  let messages: Message[] = []
  try {
    messages = await poll(engine, queue, { maxMessages, visibilityTimeoutSeconds: leaseSeconds, waitTimeSeconds })
  } catch (error) {
    passing(error)
  }
  return history.received(queue, messages, { startedAt, leaseMs: leaseSeconds * 1_000 })
}

/** All at once and one by one, as a client without batches would; some are given back, or put off a little. */
const handleDiligently = async (
  world: GroupWorld,
  process: Process,
  received: readonly GroupDelivery[],
): Promise<void> => {
  const { random } = world
  const [first, ...rest] = received
  if (!first) return
  if (random.chance(0.2)) {
    await giveBack(world, process, first, 0)
    void ackOnceReceivedAgain(world, process, first, rest)
    return
  }
  const works = random.chance(0.5) ? [ackTogether(world, process, [first])] : [giveBack(world, process, first, 0)]
  if (random.chance(0.3)) works.push(...rest.map((one) => prolong(world, process, one, random.whole(0, 1))))
  else works.push(...rest.map((one) => ackTogether(world, process, [one])))
  await Promise.all(works)
}

const RECEIVED_AGAIN_MS = 8_000

/** Holds what follows a message that was given back. That message is received again all the same, or the rest is never acked. */
const ackOnceReceivedAgain = async (
  world: GroupWorld,
  process: Process,
  first: GroupDelivery,
  rest: readonly GroupDelivery[],
): Promise<void> => {
  const { history, simulation } = world
  const lateAt = simulation.now() + RECEIVED_AGAIN_MS
  while (!history.isReceivedAgain(first)) {
    if (simulation.now() > lateAt) return
    await simulation.sleep(50)
  }
  await ackTogether(world, process, rest)
}

/** What a consumer may do with a message, good or bad. */
const handle = async (world: GroupWorld, process: Process, delivery: GroupDelivery, leaseMs: number): Promise<void> => {
  const { random, simulation } = world
  await simulation.sleep(random.whole(0, 50))
  const way = random.whole(1, 12)
  if (way <= 5) return ackTogether(world, process, [delivery])
  if (way === 6) return
  if (way === 7) return giveBack(world, process, delivery, random.whole(0, 3))
  if (way === 8) return prolong(world, process, delivery, 0)
  if (way === 9) {
    await prolong(world, process, delivery, random.whole(1, 5))
    await simulation.sleep(random.whole(0, 2_000))
    return ackTogether(world, process, [delivery])
  }
  // About when the lease ends, or any time after the receive.
  await simulation.sleep(way === 10 ? leaseMs - random.whole(0, 150) : random.whole(0, 2 * leaseMs))
  if (random.chance(0.3)) return ackTogether(world, process, [delivery])
  if (random.chance(0.3)) return giveBack(world, process, delivery, random.whole(0, 3))
  return prolong(world, process, delivery, random.whole(1, 5))
}

export const ackTogether = async (
  { history, simulation }: GroupWorld,
  { engine }: Process,
  deliveries: readonly GroupDelivery[],
): Promise<void> => {
  const [first] = deliveries
  if (!first) return
  const removals = deliveries.map((delivery) => {
    delivery.heldUntil = Math.min(delivery.heldUntil, simulation.now())
    return history.removing(delivery.message.messageId, simulation.now())
  })
  const work = ack(
    engine,
    first.queue,
    deliveries.map(({ message }) => message.receiptHandle),
  )
  await quietly(
    work.then((results) => {
      for (const [position, removal] of removals.entries()) if (expectable(results[position])) removal.removed()
    }),
  )
}

const giveBack = async (
  { simulation }: GroupWorld,
  { engine }: Process,
  delivery: GroupDelivery,
  delaySeconds: number,
): Promise<void> => {
  delivery.heldUntil = Math.min(delivery.heldUntil, simulation.now())
  const { receiptHandle } = delivery.message
  await quietly(nack(engine, delivery.queue, [{ receiptHandle, delaySeconds }]).then(([result]) => expectable(result)))
}

const prolong = async (_: GroupWorld, { engine }: Process, delivery: GroupDelivery, seconds: number): Promise<void> => {
  const until = engine.clock.now() + seconds * 1_000
  // It may end there from now on; that it does is known with the answer.
  const before = delivery.heldUntil
  delivery.heldUntil = Math.min(before, until)
  const { receiptHandle } = delivery.message
  const work = extend(engine, delivery.queue, [{ receiptHandle, visibilityTimeoutSeconds: seconds }])
  await quietly(
    work.then(([result]) => {
      if (expectable(result)) delivery.heldUntil = until
    }),
  )
}

/** Whether it was done; if not, for a reason that a consumer who was slow, or not heard, must expect. */
const expectable = (result: HandleResult | undefined): boolean => {
  if (result?.ok) return true
  if (result?.error.code !== 'LeaseLost' && result?.error.code !== 'MessageNotFound') passing(result?.error)
  return false
}

/** Changes the delay of the queue, which also counts for what is in it. */
export const delayChanger = async (
  { random, simulation, settings }: GroupWorld,
  { engine }: Process,
): Promise<void> => {
  await simulation.sleep(random.whole(300, 2_500))
  const delaySeconds = random.oneOf(settings.delaySeconds ?? [0])
  await quietly(updateQueue(engine, QUEUE, { settings: { delaySeconds } }))
}

/** Cancels messages anywhere in their groups. */
export const canceller = async (world: GroupWorld, { engine }: Process): Promise<void> => {
  const { history, random, simulation } = world
  await simulation.sleep(random.whole(200, 1_500))
  const messageId = history.waiting().at(-random.whole(1, 12))
  if (messageId === undefined) return
  const removal = history.removing(messageId, simulation.now())
  try {
    await cancelMessage(engine, QUEUE, messageId)
    removal.removed()
  } catch (error) {
    if (!isHoldfastError(error, 'MessageNotFound') && !isHoldfastError(error, 'OperationInProgress')) passing(error)
  }
}
