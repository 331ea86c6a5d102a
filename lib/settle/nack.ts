import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import { checkNumber } from '../model/number-checks.ts'
import type { QueueState } from '../model/queue-record.ts'
import { decodeReceiptHandle } from '../model/receipt-handle.ts'
import type { Failure } from '../model/result.ts'
import { retryDelayMs } from '../model/retry-policy.ts'
import { type Lease, type Segment, slotAt } from '../model/segment.ts'
import type { SlotCondition } from '../model/segment-change.ts'
import { followUp } from '../store/follow-up.ts'
import { applyToHandles, type Held, leaseOf, OK, settleByToken } from './apply-to-handles.ts'
import { releaseGroups } from './group-release.ts'
import { reject } from './reject.ts'

export interface NackEntry {
  readonly receiptHandle: string
  /** How long the message backs off. @default the retry policy of the queue; 0 without one */
  readonly delaySeconds?: number
  /** Moves the message to the queue's dead-letter queue at once; not together with `delaySeconds`. */
  readonly deadLetter?: boolean
  /** The reason, with `deadLetter`. At most its first 1,024 characters are kept with the message. */
  readonly error?: string
  /**
   * What went wrong, for the producer, on a queue that keeps results. It is stored when the nack is final: with `deadLetter`, or after
   * the last receive that the queue allows. In the latter case the message moves to the dead-letter queue at once.
   */
  readonly failure?: Failure
}

/** A nack on behalf of a consumer that may have settled the message itself. */
export interface ProxyNackEntry extends NackEntry {
  /**
   * Nacks the message only if its lease still ends at this instant, epoch ms. A lease that its holder has extended, ended early or
   * given back stays as it is, and the entry succeeds. It has no effect with `deadLetter`.
   */
  readonly ifLeasedUntil?: number
}

/**
 * Gives messages back, so that any consumer can receive them again after a delay, or moves them to the dead-letter queue. A nack
 * succeeds after the lease has ended too, while no other consumer has received the message.
 *
 * reads: nothing · writes: one update a segment · condition: leased under the handle's token
 *
 * @returns one result a handle, in order: `ReceiptHandleInvalid`, `MessageNotFound`, `LeaseLost` … when not ok
 * @throws `InvalidRequest`, `QueueNotFound`
 */
export const nack = async (
  engine: Engine,
  queueName: string,
  entries: readonly ProxyNackEntry[],
): Promise<HandleResult[]> => {
  for (const [position, { delaySeconds, deadLetter, error }] of entries.entries()) {
    const field = `entries[${position}]`
    if (delaySeconds !== undefined) checkNumber(`${field}.delaySeconds`, delaySeconds, 0, LIMITS.delaySeconds)
    if (deadLetter && delaySeconds !== undefined) {
      throw invalid(`${field}.delaySeconds`, delaySeconds, 'must not be given together with deadLetter')
    }
    if (error !== undefined && !deadLetter) throw invalid(`${field}.error`, error, 'is kept only with deadLetter: true')
  }
  const queue = await engine.queues.get(queueName)
  const final = entries.map((entry) => entry.deadLetter ?? isLastFailure(queue, entry))
  const rejected = final.flatMap((isFinal, position) => (isFinal ? [position] : []))
  if (rejected.length === 0) return giveBack(engine, queue, entries)
  const given = final.flatMap((isFinal, position) => (isFinal ? [] : [position]))
  const pick = (positions: readonly number[]) => positions.map((position) => entries[position] as ProxyNackEntry)
  const [moved, back] = await Promise.all([
    rejectOrGiveBack(engine, queue, pick(rejected)),
    given.length > 0 ? giveBack(engine, queue, pick(given)) : [],
  ])
  const results = new Array<HandleResult>(entries.length)
  for (const [index, position] of rejected.entries()) results[position] = moved[index] as HandleResult
  for (const [index, position] of given.entries()) results[position] = back[index] as HandleResult
  const handles = pick(rejected).map(({ receiptHandle }) => receiptHandle)
  await followUp(engine, queue.name, () => releaseGroups(engine, queue, handles, moved))
  return results
}

/** Dead-letters messages. If the dead-letter queue does not exist, messages whose nack has no `deadLetter` are given back instead. */
const rejectOrGiveBack = async (
  engine: Engine,
  queue: QueueState,
  entries: readonly ProxyNackEntry[],
): Promise<HandleResult[]> => {
  const results = await reject(engine, queue, entries)
  return Promise.all(
    results.map(async (result, position) => {
      const entry = entries[position] as ProxyNackEntry
      if (entry.deadLetter || result.ok || result.error.code !== 'QueueNotFound') return result
      const [given] = await giveBack(engine, queue, [entry])
      return given as HandleResult
    }),
  )
}

/** Whether a message failed at the last receive that its queue allows, with a failure for its producer. */
const isLastFailure = (
  { settings: { results, deadLetter } }: QueueState,
  { receiptHandle, failure }: NackEntry,
): boolean =>
  results !== undefined &&
  deadLetter !== undefined &&
  failure !== undefined &&
  (decodeReceiptHandle(receiptHandle)?.receiveCount ?? 0) >= deadLetter.maxReceives

const giveBack = async (
  engine: Engine,
  queue: QueueState,
  entries: readonly ProxyNackEntry[],
): Promise<HandleResult[]> => {
  const { settings } = queue
  const now = engine.clock.now()
  const backedOff = ({ handle, request: { delaySeconds } }: Held<ProxyNackEntry>): Lease => {
    const delayMs =
      delaySeconds === undefined
        ? retryDelayMs(settings.retryPolicy, handle.receiveCount, engine.random.fraction())
        : Math.round(delaySeconds * 1_000)
    return { ...leaseOf(handle, now + delayMs), backingOff: true }
  }
  const results = await applyToHandles(
    engine,
    queue,
    entries.map((entry) => ({ receiptHandle: entry.receiptHandle, request: entry })),
    {
      change: (key, held) => ({
        key,
        requires: { kind: 'slots', slots: held.map((one) => [one.handle.index, heldAs(one)]) },
        slots: held.map((one) => [one.handle.index, backedOff(one)]),
      }),
      settle: (one, current) => settleByToken(queue.name)(one, current) ?? leftAlone(one, current),
      done: async (key, held) => {
        // By the retry policy the message may become visible later. Pollers read the exact instant in the header.
        const delaysSeconds = held.map(({ request: { delaySeconds = 0 } }) => delaySeconds)
        await engine.visibility.release(key, now + Math.min(...delaysSeconds) * 1_000)
        engine.wakeups.wake(queue.name, held.length)
      },
    },
  )
  const handles = entries.map(({ receiptHandle }) => receiptHandle)
  await followUp(engine, queue.name, () => releaseGroups(engine, queue, handles, results))
  return results
}

const heldAs = ({ handle, request: { ifLeasedUntil } }: Held<ProxyNackEntry>): SlotCondition =>
  ifLeasedUntil === undefined
    ? { kind: 'token', token: handle.token }
    : { kind: 'lease', lease: leaseOf(handle, ifLeasedUntil) }

/** Success when the holder, or an earlier try of this nack, has given the lease another end or given the message back; else nothing. */
const leftAlone = (
  { handle, request: { ifLeasedUntil } }: Held<ProxyNackEntry>,
  current: Segment | undefined,
): HandleResult | undefined => {
  const slot = current && slotAt(current, handle.index)
  if (ifLeasedUntil === undefined || slot?.kind !== 'lease') return undefined
  return slot.until === ifLeasedUntil && !slot.backingOff ? undefined : OK
}
