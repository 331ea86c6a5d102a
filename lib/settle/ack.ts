import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { isOrdered } from '../model/group.ts'
import type { Body, HandleResult } from '../model/message.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueState } from '../model/queue-record.ts'
import { type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { type Failure, failureFrom, type WorkOutcome } from '../model/result.ts'
import { GONE, goneCount, isLeasedUnder, liveAt, type Segment, slotAt } from '../model/segment.ts'
import { atVersion, type Change, removeSegment, type SlotCondition } from '../model/segment-change.ts'
import type { SegmentKey } from '../model/segment-key.ts'
import { type PlacedWork, storeResults } from '../results/store-results.ts'
import { resultWakeup } from '../results/write-results.ts'
import { followUp } from '../store/follow-up.ts'
import { applyToHandles, checkCount, type HandleOperation, type Held, leaseLost, OK } from './apply-to-handles.ts'
import { releaseGroups } from './group-release.ts'

/** A message to ack, with the outcome of the work for queues that keep results. */
export interface AckEntry {
  readonly receiptHandle: string
  /** Stored for the producer, at most 32 KB. Not together with `failure`. */
  readonly result?: Body
  /** Why the work failed for good. The producer reads it as the failure, and the message is gone from the queue. */
  readonly failure?: Failure
  /** Acks the message without `result` or `failure` if the queue keeps no results. By default such an ack is refused. */
  readonly ifKept?: boolean
  /** Why there is no result although the handler returned one. */
  readonly unstored?: string
}

/**
 * Deletes messages whose work is done. An ack succeeds after the lease has ended too, while no other consumer has received the
 * message. Afterwards it fails with `LeaseLost`. The ack of a message that is gone succeeds, any number of times.
 *
 * reads: nothing · writes: one delete for a lone message or for all messages of a segment, one update for some of them, and a
 * delete with the last one · condition: each message is leased under its handle's token, and for a delete no other message is
 * left · a crash between the last update and the delete leaves an empty header, which the next poller deletes
 *
 * On a queue that keeps results, every ack first writes a result item, also when there is no result, and then removes the
 * message: see `docs/results.md`. A message whose result item could not be written is not removed.
 *
 * @param acked receipt handles, or entries with the outcome of the work
 * @returns one result a handle, in order: `ReceiptHandleInvalid`, `LeaseLost`, `MessageTooLarge` (its result), `Throttled` or
 *   `StoreUnavailable` when not ok
 * @throws `InvalidRequest`, also for a result on a queue that keeps none
 */
export const ack = async (
  engine: Engine,
  queueName: string,
  acked: readonly (string | AckEntry)[],
): Promise<HandleResult[]> => {
  checkCount(acked)
  const acks = acked.map((one): AckEntry => (typeof one === 'string' ? { receiptHandle: one } : one))
  const queue = await queueFor(engine, queueName, acks)
  const refused = queue.settings.results ? await storeResults(engine, queue, worksIn(engine, queue, acks)) : NONE
  const positions = [...acks.keys()].filter((position) => !refused.has(position))
  const receiptHandles = positions.map((position) => acks[position]?.receiptHandle as string)
  const entries = receiptHandles.map((receiptHandle) => ({ receiptHandle, request: undefined }))
  const results = entries.length > 0 ? await applyToHandles(engine, queue, entries, ackOperation(engine, queue)) : []
  // In a group of a standard queue an ack makes messages receivable only under `maxInFlightPerGroup`.
  if (queue.settings.fifo || queue.settings.maxInFlightPerGroup !== undefined) {
    await followUp(engine, queueName, () => releaseGroups(engine, queue, receiptHandles, results))
  }
  if (refused.size === 0) return results
  const byPosition = new Map(positions.map((position, index) => [position, results[index] as HandleResult]))
  return acks.map((_, position) => (refused.get(position) ?? byPosition.get(position)) as HandleResult)
}

const NONE: ReadonlyMap<number, HandleResult> = new Map()

/** The queue. Its record is read again when an ack has a result and the cached record says that the queue keeps none. */
const queueFor = async (engine: Engine, name: string, acks: readonly AckEntry[]): Promise<QueueState> => {
  for (const [position, { result, failure }] of acks.entries()) {
    if (result !== undefined && failure)
      throw invalid(`entries[${position}].result`, 'given', 'must not be given together with failure')
  }
  const queue = await engine.queues.get(name)
  const at = acks.findIndex(({ result, failure, ifKept }) => !ifKept && (result !== undefined || failure))
  if (at < 0 || queue.settings.results) return queue
  const fresh = await engine.queues.fresh(name)
  if (fresh.settings.results) return fresh
  throw new HoldfastError(
    'InvalidRequest',
    `queue ${plainName(name)} keeps no results: set its results.retentionSeconds, or ack without one`,
    { field: acks[at]?.failure ? 'failure' : 'result', queue: name },
  )
}

/** The outcomes of the acks with well-formed receipt handles. */
const worksIn = (engine: Engine, queue: QueueState, acks: readonly AckEntry[]): PlacedWork[] =>
  acks.flatMap(({ receiptHandle, result, failure, unstored }, position): PlacedWork[] => {
    const handle = handleOrNothing(queue, receiptHandle, engine.clock.now())
    if (!handle) return []
    const outcome: WorkOutcome = failure
      ? { kind: 'failed', failure: failureFrom(failure) }
      : unstored !== undefined
        ? { kind: 'unstored', reason: unstored }
        : { kind: 'done', result }
    return [{ handle, outcome, position }]
  })

/** The decoded handle; `undefined` for a malformed one, whose error `applyToHandles` returns. */
const handleOrNothing = (queue: QueueState, text: string, now: number): ReceiptHandle | undefined => {
  try {
    return receiptHandleFor(queue.name, text, now)
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return undefined
  }
}

const ackOperation = (engine: Engine, queue: QueueState): HandleOperation<undefined> => ({
  change: (key, held, current) => ackChange(key, held, current, engine.clock.now()),
  settle: ({ handle }, current) => {
    const slot = current && slotAt(current, handle.index)
    if (!slot || slot.kind === 'gone') return OK
    // In an ordered group the lease must be live: once it is over, others may receive the messages behind.
    const held =
      isLeasedUnder(slot, handle.token) && (!isOrdered(handle.group?.hash) || liveAt(slot, engine.clock.now()))
    return held ? undefined : leaseLost(queue.name)
  },
  done: async (key, _, after) => {
    const empty = after && goneCount(after) === after.slots.length
    if (empty) await engine.store.change([removeSegment(after)])
    if (empty || !after) engine.polls.gone(key)
    if (queue.settings.results) engine.wakeups.wake(resultWakeup(key), Number.POSITIVE_INFINITY)
  },
})

/** The change that removes leased messages of one segment; `current` is the segment, if it was read. */
export const ackChange = (
  key: SegmentKey,
  held: readonly Held<undefined>[],
  current: Segment | undefined,
  now: number,
): Change => {
  const handles = held.map(({ handle }) => handle)
  return current ? changeOf(current, handles, now) : changeUnread(key, handles, now)
}

/** The change of a segment that was read after a try: a delete when no other message is left. */
const changeOf = (current: Segment, handles: readonly ReceiptHandle[], now: number): Change => {
  // Compares places, not how many there are: the handle of a message that is gone must not count for another message.
  const isLast = current.slots.every(
    (slot, index) => slot.kind === 'gone' || handles.some((handle) => handle.index === index),
  )
  return isLast
    ? { key: current.key, requires: atVersion(current), slots: undefined }
    : { key: current.key, requires: { kind: 'slots', slots: tokensOf(handles, now) }, slots: goneSlots(handles) }
}

/** The change of a segment that was not read: a delete when the handles are all that was left of it at their claim. */
const changeUnread = (key: SegmentKey, handles: readonly ReceiptHandle[], now: number): Change => {
  const slots = tokensOf(handles, now)
  const [first] = handles
  const areAll =
    first !== undefined &&
    first.gone + handles.length === first.count &&
    handles.every((handle) => handle.claimed === handles.length && handle.gone === first.gone)
  if (!areAll) return { key, requires: { kind: 'slots', slots }, slots: goneSlots(handles) }
  // A consumer could have forged the numbers in its handles, so the condition checks them too.
  return {
    key,
    requires: { kind: 'slots', slots, count: first.count, ...(first.gone > 0 && { gone: first.gone }) },
    slots: undefined,
  }
}

const goneSlots = (handles: readonly ReceiptHandle[]) => handles.map(({ index }) => [index, GONE] as const)

const tokensOf = (handles: readonly ReceiptHandle[], now: number) =>
  handles.map(({ index, token, group }) => {
    const condition: SlotCondition = { kind: 'token', token, ...(isOrdered(group?.hash) && { liveAt: now }) }
    return [index, condition] as const
  })
