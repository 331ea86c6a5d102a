import type { Engine } from './engine.ts'
import { HoldfastError } from './errors.ts'
import { releaseGroups } from './group-release.ts'
import { applyToHandles, failed, leaseLost } from './handle-changes.ts'
import { LIMITS } from './limits.ts'
import type { HandleResult } from './message.ts'
import { whole } from './queue.ts'
import { holds, type Lease, liveAt, slotAt } from './segment.ts'

export interface ExtendEntry {
  readonly receiptHandle: string
  /** From now, 0 … 604800; 0 makes the message receivable at once. */
  readonly visibilityTimeoutSeconds: number
}

/**
 * Moves the end of leases to a span from now. Only a live lease can be moved.
 *
 * reads: nothing · writes: one update a segment · condition: leased under the handle's token and not yet over
 *
 * @returns one result a handle, in order: `ReceiptHandleInvalid`, `MessageNotFound`, `LeaseLost` … when not ok
 * @throws `InvalidRequest`
 */
export const extend = async (
  engine: Engine,
  queueName: string,
  entries: readonly ExtendEntry[],
): Promise<HandleResult[]> => {
  for (const [position, { visibilityTimeoutSeconds }] of entries.entries()) {
    const field = `entries[${position}].visibilityTimeoutSeconds`
    whole(field, visibilityTimeoutSeconds, 0, LIMITS.visibilityTimeoutSeconds)
  }
  const now = engine.clock.now()
  const results = await applyToHandles(
    engine,
    queueName,
    entries.map(({ receiptHandle, visibilityTimeoutSeconds }) => ({ receiptHandle, wish: visibilityTimeoutSeconds })),
    {
      change: (key, held) => ({
        key,
        requires: {
          kind: 'slots',
          slots: held.map(({ handle }) => [handle.index, { kind: 'token', token: handle.token, liveAt: now }]),
        },
        slots: held.map(({ handle, wish }) => [
          handle.index,
          {
            kind: 'lease',
            token: handle.token,
            until: now + wish * 1_000,
            receiveCount: handle.receiveCount,
            firstReceivedAt: handle.firstReceivedAt,
            resting: false,
          } satisfies Lease,
        ]),
      }),
      settle: ({ handle }, current) => {
        const slot = current && slotAt(current, handle.index)
        if (!slot || slot.kind === 'gone') return messageGone(queueName)
        return holds(slot, handle.token) && liveAt(slot, now) ? undefined : leaseOver(queueName, slot, handle.token)
      },
      done: async (key, held) => {
        engine.polls.release(key)
        if (held.some(({ wish }) => wish === 0)) engine.wakeups.wake(queueName, held.length)
      },
    },
  )
  const givenBack = entries.filter(({ visibilityTimeoutSeconds }) => visibilityTimeoutSeconds === 0)
  if (givenBack.length > 0) {
    const of = (entry: ExtendEntry) => results[entries.indexOf(entry)] as HandleResult
    const handles = givenBack.map(({ receiptHandle }) => receiptHandle)
    await releaseGroups(engine, await engine.queues.get(queueName), handles, givenBack.map(of))
  }
  return results
}

export const messageGone = (queue: string): HandleResult =>
  failed(new HoldfastError('MessageNotFound', 'the message is gone: acked, cancelled, moved or expired', { queue }))

const leaseOver = (queue: string, slot: Parameters<typeof holds>[0], token: Uint8Array): HandleResult =>
  holds(slot, token) ? failed(new HoldfastError('LeaseLost', 'the lease has ended', { queue })) : leaseLost(queue)
