import type { Engine } from '../engine.ts'
import { type Located, locate } from '../locate/locate.ts'
import { HoldfastError, messageContended } from '../model/errors.ts'
import { liveAt, slotAt } from '../model/segment.ts'

const TRIES = 5

/** Runs a change on a message that must not be leased. Retried only when another process changed the message concurrently. */
export const changeUnleased = async <T>(
  engine: Engine,
  queue: string,
  messageId: string,
  change: (located: Located, now: number) => Promise<{ done: T } | undefined>,
): Promise<T> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const located = await locate(engine, queue, messageId)
    const slot = slotAt(located.stored.segment, located.index)
    const now = engine.clock.now()
    // The clock may be ahead: a lease counts as over only when it is over by every clock.
    const surely = now - (engine.clock.doubtMs?.() ?? 0)
    if (slot.kind === 'lease' && liveAt(slot, surely)) {
      throw new HoldfastError('OperationInProgress', 'the message is leased to a consumer: try again when it is not', {
        queue,
        field: 'messageId',
        value: messageId,
      })
    }
    const outcome = await change(located, now)
    if (outcome) return outcome.done
  }
  throw messageContended(queue)
}
