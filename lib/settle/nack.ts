import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import { number, retryDelayMs } from '../model/queue-settings.ts'
import type { Lease } from '../model/segment.ts'
import { releaseEarly } from '../visibility/snapshot-exchange.ts'
import { applyToHandles, type Held, heldByToken, settleByToken } from './apply-to-handles.ts'
import { releaseGroups } from './group-release.ts'

export interface NackEntry {
  readonly receiptHandle: string
  /** Rest before it can be received again. @default what the queue's retry policy says; at once without one */
  readonly delaySeconds?: number
}

/**
 * Gives messages back: they can be received again after a rest, by anyone. Also after the lease ran out, as long as
 * nobody else has received the message.
 *
 * reads: nothing · writes: one update a segment · condition: leased under the handle's token
 *
 * @returns one result a handle, in order: `ReceiptHandleInvalid`, `MessageNotFound`, `LeaseLost` … when not ok
 * @throws `InvalidRequest`, `QueueNotFound`
 */
export const nack = async (
  engine: Engine,
  queueName: string,
  entries: readonly NackEntry[],
): Promise<HandleResult[]> => {
  for (const [position, { delaySeconds }] of entries.entries()) {
    if (delaySeconds !== undefined) number(`entries[${position}].delaySeconds`, delaySeconds, 0, LIMITS.delaySeconds)
  }
  const queue = await engine.queues.get(queueName)
  const { settings } = queue
  const now = engine.clock.now()
  const rested = ({ handle, wish }: Held<number | undefined>): Lease => {
    const restMs =
      wish === undefined
        ? retryDelayMs(settings.retryPolicy, handle.receiveCount, engine.random.fraction())
        : Math.round(wish * 1_000)
    const { token, receiveCount, firstReceivedAt } = handle
    return { kind: 'lease', token, until: now + restMs, receiveCount, firstReceivedAt, resting: true }
  }
  const results = await applyToHandles(
    engine,
    queue,
    entries.map(({ receiptHandle, delaySeconds }) => ({ receiptHandle, wish: delaySeconds })),
    {
      change: (key, held) => ({
        key,
        requires: heldByToken(held),
        slots: held.map((one) => [one.handle.index, rested(one)]),
      }),
      settle: settleByToken(queueName),
      done: async (key, held) => {
        // By the retry policy it may be later, which whoever looks will see.
        await releaseEarly(engine, key, now + Math.min(...held.map(({ wish = 0 }) => wish)) * 1_000)
        engine.wakeups.wake(queueName, held.length)
      },
    },
  )
  const handles = entries.map(({ receiptHandle }) => receiptHandle)
  await followUp(engine, queueName, () => releaseGroups(engine, queue, handles, results))
  return results
}
