import { ackTogether, receive } from './actors/consumer.ts'
import { several } from './actors/employ.ts'
import { lateRequestsMs } from './faults.ts'
import { isEmpty } from './left.ts'
import type { World } from './world.ts'
import { deadLetterQueueName, queueName } from './world-settings.ts'

/**
 * Receives and acks all that is left, for longer than a message can stay hidden. Ends early once the queues are empty, no request is on
 * its way any more, and no actor still works: then nothing can happen.
 */
export const drainAll = async (world: World): Promise<void> => {
  const { settings, scheduler, spans } = world
  const endAt = scheduler.now() + spans.drainMs
  const quietAt = scheduler.now() + lateRequestsMs(settings.faults, spans)
  let isDone = false
  const isOver = async () => {
    isDone ||= scheduler.now() >= quietAt && !world.isBusy() && (await isEmpty(world))
    return isDone
  }
  const drain = async (queue: string, name: string): Promise<void> => {
    const actor = world.newActor(name)
    const goesOn = async () => scheduler.now() < endAt || (scheduler.now() < endAt + MORE_MS && !(await isEmpty(world)))
    while (!(await isOver()) && (await goesOn())) {
      world.begin(actor, false)
      const deliveries = await receive(world, actor, queue, DRAIN_POLL)
      if (deliveries.length > 0) {
        // It may be the first of a segment that counted as hidden: the others are received too then.
        isDone = false
        await ackTogether(world, actor, deliveries)
      } else await actor.process.sleep(DRAIN_PAUSE_MS)
    }
  }
  await Promise.all([
    ...several(settings.cast.drainers ?? (settings.kind === 'fifo' ? 3 : settings.groups ? 2 : 1), (n) =>
      drain(queueName(settings), `drain-${n}`),
    ),
    ...(settings.settings?.deadLetter ? [drain(deadLetterQueueName(settings), 'drain-dead')] : []),
  ])
}

/**
 * Extra time while messages or tickets are left: a poll receives only a few messages of a group with a limit, and none while a message
 * that nobody acks is in flight. The lock of a ticket lasts as long as the lease of a trigger whose ack could not end it.
 */
const MORE_MS = 600_000

export const DRAIN_LEASE_SECONDS = 4
const DRAIN_POLL = { maxMessages: 25, leaseSeconds: DRAIN_LEASE_SECONDS, waitTimeSeconds: 0 }
/** Pause after a poll that receives nothing. A long poll would read an empty queue several times a second. */
export const DRAIN_PAUSE_MS = 1_500
