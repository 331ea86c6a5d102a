import type { Engine } from '../engine.ts'
import type { HandleResult } from '../model/message.ts'
import { followUp } from '../store/follow-up.ts'
import { applyToHandles, heldByToken, leaseOf, settleByToken } from './apply-to-handles.ts'
import { releaseGroups } from './group-release.ts'

/**
 * Undoes the receive of messages that did not reach their consumer, such as those that did not fit into an answer. They are
 * visible at once, and the receive does not count. The ended lease stays in the slot, even after a first receive. A slot that was
 * leased must not become fresh again, because a poller that read it as fresh could then claim it under an outdated condition.
 *
 * reads: nothing · writes: one update a segment · condition: leased under the handle's token
 *
 * @returns one result a handle, in order
 */
export const unreceive = async (
  engine: Engine,
  queueName: string,
  receiptHandles: readonly string[],
): Promise<HandleResult[]> => {
  const queue = await engine.queues.get(queueName)
  const now = engine.clock.now()
  const results = await applyToHandles(
    engine,
    queue,
    receiptHandles.map((receiptHandle) => ({ receiptHandle, request: undefined })),
    {
      change: (key, held) => ({
        key,
        requires: heldByToken(held),
        slots: held.map(({ handle }) => {
          const lease = leaseOf(handle, now)
          return [handle.index, { ...lease, receiveCount: lease.receiveCount - 1, backingOff: true }]
        }),
      }),
      settle: settleByToken(queueName),
      done: async (key, held) => {
        await engine.visibility.release(key, now)
        engine.wakeups.wake(queueName, held.length)
      },
    },
  )
  await followUp(engine, queueName, () => releaseGroups(engine, queue, receiptHandles, results))
  return results
}
