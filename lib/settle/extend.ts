import type { Engine } from '../engine.ts'
import { HoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import { checkWholeNumber } from '../model/number-checks.ts'
import type { QueueState } from '../model/queue-record.ts'
import type { ReceiptHandle } from '../model/receipt-handle.ts'
import { isLeasedUnder, liveAt, type Segment, slotAt } from '../model/segment.ts'
import type { SlotCondition } from '../model/segment-change.ts'
import { followUp } from '../store/follow-up.ts'
import {
  applyToHandles,
  failed,
  type HandleOperation,
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
 * reads: nothing · writes: one update a segment; one more to make a lease end sooner than it does, unless it ends at once
 * condition: the message is leased under the handle's token; without `revive`, the lease is not over; and the lease ends no later than
 * the new end, or is as the failed update met it
 *
 * INVARIANT: a write that DynamoDB receives late never moves back the end that a later extension set. DynamoDB may receive a write
 * twice, and the first sending long after the second was answered. The later extension that the consumer has made since then ends the
 * lease later, as a rule, so the condition of the late write fails. An extension that is meant to end the lease sooner (SQS's
 * `ChangeMessageVisibility` with a short timeout) fails that condition too, and its first write returns the lease that it met. Its
 * second write requires that very lease, which every later extension changes.
 *
 * Before a second write the new end is counted anew. So of two extensions by the same time, such as two heartbeats of one worker, the
 * one that comes to its write later also ends later, and never takes the other's end for one to be shortened.
 *
 * A late write may still end a lease later than a shortening since then has asked for. The message then waits for that end, and no
 * second consumer receives it. An extension by 0 has no fence, because the consumer that sent it no longer works on the message.
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
  const revive = options.revive === true && canRevive(queue)
  const requests = entries.map(({ receiptHandle, visibilityTimeoutSeconds }) => ({
    receiptHandle,
    request: visibilityTimeoutSeconds,
  }))
  const results = await applyToHandles(engine, queue, requests, extension(engine, queue, { now, revive }))
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
  { now, revive }: { readonly now: number; readonly revive: boolean },
): HandleOperation<number> => ({
  change: (key, held, current) => {
    const at = current ? engine.clock.now() : now
    // An earlier try that ended the lease is recognized by its instant, so all tries have the same.
    const endOf = (seconds: number) => (seconds === 0 ? now : at + seconds * 1_000)
    const conditions = held.map(({ handle, request }): [number, SlotCondition] => [
      handle.index,
      conditionOf(handle, current, { at, revive, end: request === 0 ? undefined : endOf(request) }),
    ])
    return {
      key,
      requires: { kind: 'slots', slots: conditions },
      slots: held.map(({ handle, request }) => [handle.index, leaseOf(handle, endOf(request))]),
    }
  },
  settle: revive ? settleByToken(name) : settleIfOver(engine, name, now),
  done: async (key, held) => {
    const soonestMs = Math.min(...held.map(({ request }) => request)) * 1_000
    // A heartbeat moves the end of a lease to later, so no poller needs to scan for the message sooner.
    if (soonestMs < settings.visibilityTimeoutSeconds * 1_000) await engine.visibility.release(key, now + soonestMs)
    else engine.polls.release(key)
    if (held.some(({ request }) => request === 0)) engine.wakeups.wake(name, held.length)
  },
})

/** What an extension requires of a lease. `end` is undefined where the lease is to end at once, whenever it ends now. */
const conditionOf = (
  { index, token }: ReceiptHandle,
  current: Segment | undefined,
  { at, revive, end }: { readonly at: number; readonly revive: boolean; readonly end: number | undefined },
): SlotCondition => {
  const slot = current && slotAt(current, index)
  const endsSooner = end !== undefined && slot?.kind === 'lease' && slot.until > end
  if (endsSooner) return { kind: 'lease', lease: slot }
  return { kind: 'token', token, ...(!revive && { liveAt: at }), ...(end !== undefined && { endsBy: end }) }
}

const canRevive = ({ settings: { fifo, maxInFlightPerGroup } }: QueueState): boolean =>
  !fifo && maxInFlightPerGroup === undefined

/** The result of an extension whose lease is lost or over; `undefined` while the lease is live. */
const settleIfOver =
  (engine: Engine, queue: string, now: number): HandleOperation<number>['settle'] =>
  ({ handle, request }, current) => {
    const slot = current && slotAt(current, handle.index)
    if (!slot || slot.kind === 'gone') return messageGone(queue)
    if (!isLeasedUnder(slot, handle.token)) return leaseLost(queue)
    if (liveAt(slot, engine.clock.now())) return undefined
    // An earlier try of the same request ended the lease, and its response was lost.
    const done = request === 0 && slot.until === now && !slot.backingOff
    return done ? OK : leaseOver(queue)
  }

const leaseOver = (queue: string): HandleResult =>
  failed(
    new HoldfastError(
      'LeaseLost',
      "the lease has ended and can't be extended any more: the message is received again. Extend leases before they end, or raise the visibility timeout",
      { queue },
    ),
  )
