import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import type { QueueState } from '../model/queue-record.ts'
import { isLeasedUnder, liveAt, slotAt } from '../model/segment.ts'
import type { Requirement } from '../model/segment-change.ts'
import { followUp } from '../store/follow-up.ts'
import {
  applyToHandles,
  failed,
  type HandleOperation,
  type Held,
  heldByToken,
  leaseLost,
  leaseOf,
  messageGone,
  OK,
  settleByToken,
} from './apply-to-handles.ts'
import { unlockGroupsSooner } from './group-release.ts'

export interface ExtendEntry {
  readonly receiptHandle: string
  /** Counted from now, 0 … 604800. 0 makes the message visible at once. */
  readonly visibilityTimeoutSeconds: number
}

export interface ExtendOptions {
  /**
   * Whether a lease that has ended may begin anew while no other consumer has received the message. It has no effect in an
   * ordered group, or in a group with a limit: other consumers may have received messages of the group since the lease ended.
   *
   * @default false
   */
  readonly revive?: boolean
}

/**
 * Gives leases a new end, counted from now. A lease that is over can be extended only with `revive`.
 *
 * reads: nothing · writes: one update a segment · condition: the message is leased under the handle's token and, without `revive`,
 * the lease is not over
 *
 * @returns one result a handle, in order: `ReceiptHandleInvalid`, `MessageNotFound`, `LeaseLost` … when not ok
 * @throws `InvalidRequest`
 */
export const extend = async (
  engine: Engine,
  queueName: string,
  entries: readonly ExtendEntry[],
  options: ExtendOptions = {},
): Promise<HandleResult[]> => {
  for (const [position, { visibilityTimeoutSeconds }] of entries.entries()) {
    const field = `entries[${position}].visibilityTimeoutSeconds`
    checkWholeNumber(field, visibilityTimeoutSeconds, 0, LIMITS.visibilityTimeoutSeconds)
  }
  const queue = await engine.queues.get(queueName)
  const now = engine.clock.now()
  const hold = options.revive && canRevive(queue) ? heldOrEnded(queueName) : heldNow(queueName, now)
  const requests = entries.map(({ receiptHandle, visibilityTimeoutSeconds }) => ({
    receiptHandle,
    request: visibilityTimeoutSeconds,
  }))
  const results = await applyToHandles(engine, queue, requests, extension(engine, queue, hold, now))
  const endings = entries.map(({ receiptHandle, visibilityTimeoutSeconds }) => ({
    receiptHandle,
    endsAt: now + visibilityTimeoutSeconds * 1_000,
  }))
  await followUp(engine, queueName, () => unlockGroupsSooner(engine, queue, endings, results))
  return results
}

const extension = (
  engine: Engine,
  { name, settings }: QueueState,
  { requires, settle }: Hold,
  now: number,
): HandleOperation<number> => ({
  change: (key, held) => ({
    key,
    requires: requires(held),
    slots: held.map(({ handle, request }) => [handle.index, leaseOf(handle, now + request * 1_000)]),
  }),
  settle,
  done: async (key, held) => {
    const soonestMs = Math.min(...held.map(({ request }) => request)) * 1_000
    // A heartbeat moves the end of a lease to later, so no poller needs to scan for the message sooner.
    if (soonestMs < settings.visibilityTimeoutSeconds * 1_000) await engine.visibility.release(key, now + soonestMs)
    else engine.polls.release(key)
    if (held.some(({ request }) => request === 0)) engine.wakeups.wake(name, held.length)
  },
})

const canRevive = ({ settings: { fifo, maxInFlightPerGroup } }: QueueState): boolean =>
  !fifo && maxInFlightPerGroup === undefined

/** What an extension requires of a lease, and the result when the lease does not meet it. */
interface Hold {
  readonly requires: (held: readonly Held<number>[]) => Requirement
  readonly settle: HandleOperation<number>['settle']
}

const heldOrEnded = (queue: string): Hold => ({ requires: heldByToken, settle: settleByToken(queue) })

const heldNow = (queue: string, now: number): Hold => ({
  requires: (held) => ({
    kind: 'slots',
    slots: held.map(({ handle }) => [handle.index, { kind: 'token', token: handle.token, liveAt: now }]),
  }),
  settle: ({ handle, request }, current) => {
    const slot = current && slotAt(current, handle.index)
    if (!slot || slot.kind === 'gone') return messageGone(queue)
    if (!isLeasedUnder(slot, handle.token)) return leaseLost(queue)
    if (liveAt(slot, now)) return undefined
    // An earlier try of the same request ended the lease, and its response was lost.
    const done = request === 0 && slot.until === now && !slot.backingOff
    return done ? OK : leaseOver(queue)
  },
})

const leaseOver = (queue: string): HandleResult =>
  failed(new HoldfastError('LeaseLost', 'the lease has ended', { queue }))
