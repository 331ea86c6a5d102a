import type { HandleResult, Message } from '../../../lib/model/message.ts'
import { poll } from '../../../lib/receive/poll.ts'
import { type AckEntry, ack } from '../../../lib/settle/ack.ts'
import { extend } from '../../../lib/settle/extend.ts'
import { nack } from '../../../lib/settle/nack.ts'
import { unreceive } from '../../../lib/settle/unreceive.ts'
import { type Delivery, removed } from '../history.ts'
import type { Answer, ReceivedMessage } from '../operations.ts'
import type { Actor, World } from '../world.ts'
import { deadLetterQueueName, queueName } from '../world-settings.ts'
import { isDone, passing, type Work } from './employ.ts'

/** Receives some messages and does with them what consumers do, good or bad. */
export const consumer: Work = (world, actor) => consumeFrom(queueName(world.settings), world, actor)

/** Does the same with dead letters. */
export const deadLetterConsumer: Work = (world, actor) => consumeFrom(deadLetterQueueName(world.settings), world, actor)

const consumeFrom = async (queue: string, world: World, actor: Actor): Promise<void> => {
  const { random, process } = actor
  const { spans, settings } = world
  const leaseSeconds = random.whole(...spans.leaseSeconds)
  const waitTimeSeconds = random.whole(0, spans.waitSeconds)
  const maxMessages = settings.groups ? random.oneOf([1, 3, 10, 25]) : random.whole(1, 10)
  const together = random.chance(0.3)
  const goesOn = random.chance(0.7)
  const pause = random.whole(0, spans.pollEveryMs)
  const isAbandoned = settings.abandons !== undefined && random.chance(settings.abandons)
  const abandonedAfterMs = isAbandoned ? random.whole(0, 1_500) : 0
  const deliveries = isAbandoned
    ? await abandon(world, actor, queue, { maxMessages, leaseSeconds, afterMs: abandonedAfterMs })
    : await receive(world, actor, queue, { maxMessages, leaseSeconds, waitTimeSeconds })
  if (settings.consumers === 'diligent') await handleDiligently(world, actor, deliveries)
  else if (together) await ackTogether(world, actor, deliveries)
  else {
    const handled = Promise.all(deliveries.map((delivery) => handle(world, actor, delivery, leaseSeconds * 1_000)))
    if (goesOn) world.aside(handled, actor)
    else await handled
  }
  await process.sleep(pause)
}

export const receive = async (
  { history, log, scheduler, story }: World,
  { name, process }: Actor,
  queue: string,
  {
    maxMessages,
    leaseSeconds,
    waitTimeSeconds,
    signal,
  }: { maxMessages: number; leaseSeconds: number; waitTimeSeconds: number; signal?: AbortSignal },
): Promise<Delivery[]> => {
  const startedAt = scheduler.now()
  let messages: Message[] = []
  try {
    const options = { maxMessages, visibilityTimeoutSeconds: leaseSeconds, waitTimeSeconds, ...(signal && { signal }) }
    const question = { op: 'poll', queue, leaseMs: leaseSeconds * 1_000 } as const
    const answered = log.asked(name, question, process.engine.clock.now())
    messages = await poll(process.engine, queue, options)
    answered({ received: messages.map(receivedMessage) })
    history.polls.push({ by: name, queue, startedAt, endedAt: scheduler.now(), received: messages.length })
  } catch (error) {
    passing(error)
  }
  const deliveries = history.received(queue, messages, {
    startedAt,
    endedAt: scheduler.now(),
    leaseMs: leaseSeconds * 1_000,
  })
  if (story) {
    for (const { message, claimedAt, leasedUntil } of deliveries) {
      story.note(
        scheduler.now(),
        name,
        `receives ${message.body} from ${queue}, receive ${message.receiveCount}, claimed at ${story.time(claimedAt)}, its own until ${story.time(leasedUntil)}`,
      )
    }
  }
  return deliveries
}

/** Starts a long poll and aborts it. The poll returns what it has received by then, and leases nothing else. */
const abandon = async (
  world: World,
  actor: Actor,
  queue: string,
  { afterMs, ...request }: { maxMessages: number; leaseSeconds: number; afterMs: number },
): Promise<Delivery[]> => {
  const { scheduler, history, coverage } = world
  const startedAt = scheduler.now()
  const leaving = new AbortController()
  void actor.process.sleep(afterMs).then(() => leaving.abort())
  const received = await receive(world, actor, queue, { ...request, waitTimeSeconds: 3, signal: leaving.signal })
  const isGivenUp = leaving.signal.aborted && history.polls.at(-1)?.startedAt === startedAt
  if (!isGivenUp || received.length > 0) return received
  coverage.feature('abandoned polls')
  history.abandoned.push({ by: actor.name, queue, startedAt, endedAt: scheduler.now() })
  return received
}

const receivedMessage = ({
  messageId,
  receiptHandle,
  body,
  groupId,
  sequenceNumber,
  receiveCount,
  leasedUntil,
}: Message): ReceivedMessage => ({
  id: messageId,
  handle: receiptHandle,
  body: body as string,
  group: groupId,
  sequence: sequenceNumber,
  count: receiveCount,
  until: leasedUntil,
})

const resultsOf = (results: readonly HandleResult[]): Answer => ({
  results: results.map((one) => (one.ok ? 'ok' : one.error.code)),
})

/** Logs a consumer's request for messages that it received. */
export const askFor = (
  { log }: World,
  { name, process }: Actor,
  op: 'ack' | 'nack' | 'extend' | 'unreceive',
  deliveries: readonly Delivery[],
  seconds?: number,
): ((answer: Answer) => void) => {
  const held = deliveries.map(({ message }) => ({ id: message.messageId, handle: message.receiptHandle }))
  const queue = deliveries[0]?.queue ?? ''
  return log.asked(
    name,
    {
      op,
      queue,
      held,
      ...(seconds !== undefined && { seconds }),
    },
    process.engine.clock.now(),
  )
}

/** Acks all messages at the same time, each in a request of its own. Gives some back, or extends their leases a little. */
const handleDiligently = async (world: World, actor: Actor, received: readonly Delivery[]): Promise<void> => {
  const { random } = actor
  const [first, ...rest] = received
  if (!first) return
  if (random.chance(0.2)) {
    await giveBack(world, actor, first, 0)
    // Meanwhile the consumer goes on with other messages.
    world.aside(ackOnceReceivedAgain(world, actor, first, rest), actor)
    return
  }
  const works = random.chance(0.5) ? [ackTogether(world, actor, [first])] : [giveBack(world, actor, first, 0)]
  if (random.chance(0.3)) works.push(...rest.map((one) => prolong(world, actor, one, random.whole(0, 1))))
  else works.push(...rest.map((one) => ackTogether(world, actor, [one])))
  await Promise.all(works)
}

const RECEIVED_AGAIN_MS = 8_000

/**
 * Holds the messages behind one that was given back until that one is received again. If it never is, the others are never acked, and
 * a promise breaks.
 */
const ackOnceReceivedAgain = async (
  world: World,
  actor: Actor,
  { message, claimedAt }: Delivery,
  rest: readonly Delivery[],
): Promise<void> => {
  const { history, scheduler } = world
  const isReceivedAgain = () =>
    history.deliveriesOf.get(message.messageId)?.some((other) => other.claimedAt > claimedAt) ?? false
  for (const lateAt = scheduler.now() + RECEIVED_AGAIN_MS; !isReceivedAgain(); ) {
    if (scheduler.now() > lateAt) return
    await actor.process.sleep(50)
  }
  await ackTogether(world, actor, rest)
}

/** Does what a consumer may do with a message. Draws all random numbers before the first wait. */
const handle = async (world: World, actor: Actor, delivery: Delivery, leaseMs: number): Promise<void> => {
  const { random, process } = actor
  const way = random.whole(1, 12)
  const workMs = random.whole(0, world.spans.workOnMessageMs)
  const longMs = random.whole(0, 2_000)
  const aroundLeaseEndMs = leaseMs - random.whole(0, 150)
  const tooLongMs = random.whole(0, 2 * leaseMs)
  const seconds = random.whole(1, world.spans.extendSeconds)
  const delaySeconds = random.whole(0, 3)
  const lot = random.fraction()
  const hasPolicy = world.settings.settings?.retryPolicy !== undefined
  const hasNotStarted = world.settings.unreceives !== undefined && random.chance(world.settings.unreceives)

  await process.sleep(workMs)
  if (hasNotStarted) {
    // In about half of the cases the lease is over by then, and another consumer may have received the message.
    if (lot < 0.5) await process.sleep(tooLongMs)
    return returnUnreceived(world, actor, delivery)
  }
  if (way <= 4) return ackTogether(world, actor, [delivery])
  if (way === 5) return
  if (way === 6) return giveBack(world, actor, delivery, hasPolicy ? undefined : delaySeconds)
  if (way === 7) return prolong(world, actor, delivery, 0)
  if (way === 8) {
    await prolong(world, actor, delivery, seconds)
    await process.sleep(longMs)
    return ackTogether(world, actor, [delivery])
  }
  // Until about the end of the lease, or until any time after the receive, which is too late in about half of the cases.
  await process.sleep(way === 9 ? aroundLeaseEndMs : tooLongMs)
  if (way === 10 || lot < 0.3) return ackTogether(world, actor, [delivery])
  if (way === 11 || lot < 0.6) return giveBack(world, actor, delivery, delaySeconds)
  return prolong(world, actor, delivery, seconds)
}

export const ackTogether = async (world: World, actor: Actor, deliveries: readonly Delivery[]): Promise<void> => {
  const { history, scheduler, story, settings } = world
  const { name, process } = actor
  const [first] = deliveries
  if (!first) return
  const startedAt = scheduler.now()
  const removals = deliveries.map((one) => history.removing(one.message.messageId, startedAt, one))
  const bodies = story && deliveries.map(({ message }) => message.body).join(', ')
  story?.note(startedAt, name, `acks ${bodies}`)
  try {
    const hasResults = settings.settings?.results !== undefined && first.queue === queueName(settings)
    const answered = askFor(world, actor, 'ack', deliveries)
    const results = await ack(
      process.engine,
      first.queue,
      deliveries.map((one) =>
        hasResults ? { ...outcomeOf(one), receiptHandle: one.message.receiptHandle } : one.message.receiptHandle,
      ),
    )
    answered(resultsOf(results))
    for (const [position, removal] of removals.entries()) {
      const result = results[position]
      if (result?.ok) removed(removal, scheduler.now())
      else if (result?.error.code === 'LeaseLost') removal.outcome = 'refused'
      else if (result?.error.code !== 'MessageNotFound') passing(result?.error)
      story?.note(
        scheduler.now(),
        name,
        `reads that ${deliveries[position]?.message.body} is ${result?.ok ? 'acked' : `not acked: ${result?.error.code}`}`,
      )
    }
  } catch (error) {
    passing(error)
  }
}

/** The outcome of a consumer's work on a message: a result that no other work has, no result, or a failure. */
export const outcomeOf = ({
  message: { messageId },
  poll,
  byTrigger,
}: Delivery): Pick<AckEntry, 'result' | 'failure'> => {
  if (byTrigger) return {}
  const work = `work of poll ${poll} on ${messageId}`
  if (poll % 5 === 0) return { failure: { name: 'Failed', message: work } }
  return poll % 5 === 1 ? {} : { result: work }
}

const giveBack = async (
  world: World,
  actor: Actor,
  delivery: Delivery,
  /** @default the delay of the queue's retry policy */
  delaySeconds: number | undefined,
): Promise<void> => {
  const { history, story, scheduler } = world
  const { name, process } = actor
  if (delaySeconds === undefined) history.nacks++
  // A message that backs off has no lease: an ack by the consumer that gave it back still counts.
  history.givingBack(delivery, process.engine.clock.now())
  const { receiptHandle, body } = delivery.message
  story?.note(scheduler.now(), name, `gives back ${body}, to come again in ${delaySeconds ?? 'some'} s`)
  try {
    const answered = askFor(world, actor, 'nack', [delivery], delaySeconds)
    const [result] = await nack(process.engine, delivery.queue, [
      { receiptHandle, ...(delaySeconds !== undefined && { delaySeconds }) },
    ])
    answered(resultsOf([result as HandleResult]))
    isDone(result)
  } catch (error) {
    passing(error)
  }
}

/** Gives back a message that the consumer has not started on: the receive does not count. */
const returnUnreceived = async (world: World, actor: Actor, delivery: Delivery): Promise<void> => {
  const { history, story, scheduler } = world
  const { name, process } = actor
  const { messageId, receiptHandle, body } = delivery.message
  history.unreceived.add(messageId)
  history.givingBack(delivery, process.engine.clock.now())
  story?.note(scheduler.now(), name, `gives back ${body} as if it had not received it`)
  try {
    const answered = askFor(world, actor, 'unreceive', [delivery])
    const [result] = await unreceive(process.engine, delivery.queue, [receiptHandle])
    answered(resultsOf([result as HandleResult]))
    isDone(result)
  } catch (error) {
    passing(error)
  }
}

const prolong = async (world: World, actor: Actor, delivery: Delivery, seconds: number): Promise<void> => {
  const { history, story, scheduler } = world
  const { name, process } = actor
  const until = process.engine.clock.now() + seconds * 1_000
  const move = history.moving(delivery, until)
  const { receiptHandle, body } = delivery.message
  try {
    const answered = askFor(world, actor, 'extend', [delivery], seconds)
    const [result] = await extend(process.engine, delivery.queue, [
      { receiptHandle, visibilityTimeoutSeconds: seconds },
    ])
    answered(resultsOf([result as HandleResult]))
    if (isDone(result)) move.moved()
    story?.note(
      scheduler.now(),
      name,
      `${result?.ok ? 'moves' : 'may not move'} the lease of ${body} to ${story.time(until)}`,
    )
  } catch (error) {
    passing(error)
  }
}
