import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError, leaseLostError, messageContended } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import type { QueueState } from '../model/queue-record.ts'
import { keyOfHandle, type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { isLeasedUnder, type Lease, type Segment, slotAt } from '../model/segment.ts'
import type { Change, Requirement } from '../model/segment-change.ts'
import { type SegmentKey, segmentId } from '../model/segment-key.ts'
import { followUp } from '../store/follow-up.ts'

/** A receipt handle with its request. */
export interface Held<T> {
  readonly handle: ReceiptHandle
  readonly request: T
  /** The handle's position in the list of the caller. */
  readonly position: number
}

/** An operation on receipt handles. Ack, extend, nack and unreceive differ only in this. */
export interface HandleOperation<T> {
  /** The change for these handles of one segment. `current` is the segment as an earlier try found it. */
  readonly change: (key: SegmentKey, held: readonly Held<T>[], current: Segment | undefined) => Change
  /** The result of a handle whose segment is known; `undefined` when the change can be tried. */
  readonly settle: (held: Held<T>, current: Segment | undefined) => HandleResult | undefined
  /** The follow-up work of a change. A failure of this work does not fail the change. */
  readonly done: (key: SegmentKey, held: readonly Held<T>[], after: Segment | undefined) => Promise<void>
}

export const OK: HandleResult = { ok: true }
export const failed = (error: HoldfastError): HandleResult => ({ ok: false, error })

/** Retried only when another process changed the same messages. */
const TRIES = 6

/**
 * Applies an operation to receipt handles: one conditional write for each segment, all concurrently, without a read. Where a condition
 * fails, the store returns the segment that it met, and each handle gets its result from that segment or is tried again.
 *
 * @returns one result for each handle, in order
 * @throws `InvalidRequest` for none or more than 25
 */
export const applyToHandles = async <T>(
  engine: Engine,
  queue: QueueState,
  entries: readonly { receiptHandle: string; request: T }[],
  operation: HandleOperation<T>,
): Promise<HandleResult[]> => {
  checkCount(entries)
  const results = new Array<HandleResult>(entries.length)
  let pending = bySegment(queue, entries, results, engine.clock.now())
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt === TRIES) {
      for (const { held } of pending) settleAll(held, results, failed(messageContended(queue.name)))
      break
    }
    pending = await tryOnce(engine, queue, pending, operation, results)
  }
  return results
}

/** @throws `InvalidRequest` for none or more than 25 */
export const checkCount = ({ length }: readonly unknown[]): void => {
  if (length < 1 || length > LIMITS.batchSize)
    throw invalid('receiptHandles', length, `must hold 1 to ${LIMITS.batchSize} receipt handles`)
}

/** The requests for messages of one segment. */
interface Group<T> {
  readonly key: SegmentKey
  readonly held: readonly Held<T>[]
  /** The segment as an earlier try found it. */
  readonly current: Segment | undefined
}

const bySegment = <T>(
  queue: QueueState,
  entries: readonly { receiptHandle: string; request: T }[],
  results: HandleResult[],
  now: number,
): Group<T>[] => {
  const groups = new Map<string, Group<T> & { held: Held<T>[] }>()
  for (const [position, { receiptHandle, request }] of entries.entries()) {
    try {
      const handle = receiptHandleFor(queue.name, receiptHandle, now)
      const key = keyOfHandle(queue, handle)
      const id = segmentId(key)
      const held = { handle, request, position }
      const group = groups.get(id)
      if (group) group.held.push(held)
      else groups.set(id, { key, held: [held], current: undefined })
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      results[position] = failed(error)
    }
  }
  return [...groups.values()]
}

/** Makes one change for each group. Returns the groups that must be tried again, with the segments that were found. */
const tryOnce = async <T>(
  engine: Engine,
  { name }: QueueState,
  groups: readonly Group<T>[],
  operation: HandleOperation<T>,
  results: HandleResult[],
): Promise<Group<T>[]> => {
  const tried = groups.map(({ held }) => oncePerMessage(held))
  const outcomes = await engine.store.change(
    groups.map(({ key, current }, at) => operation.change(key, tried[at] ?? [], current)),
  )
  const undecided = (held: readonly Held<T>[], segment: Segment | undefined): Held<T>[] =>
    held.filter((one) => {
      const result = operation.settle(one, segment)
      if (result) results[one.position] = result
      return !result
    })
  const pending: Group<T>[] = []
  for (const [at, { key, held }] of groups.entries()) {
    const outcome = outcomes[at]
    const current = outcome?.segment
    let left = held
    if (outcome?.applied) {
      const done = tried[at] ?? []
      settleAll(done, results, OK)
      await followUp(engine, name, () => operation.done(key, done, current))
      left = held.length === done.length ? [] : held.filter((one) => !done.includes(one))
    } else if (outcome?.error) {
      settleAll(held, results, failed(outcome.error))
      continue
    }
    const again = undecided(left, current)
    if (again.length > 0) pending.push({ key, held: again, current })
  }
  return pending
}

/** A message that the request names twice is changed once in a try. The next try changes it again. */
const oncePerMessage = <T>(held: readonly Held<T>[]): readonly Held<T>[] => {
  if (held.length === 1) return held
  const seen = new Set<number>()
  return held.filter(({ handle }) => !seen.has(handle.index) && seen.add(handle.index))
}

const settleAll = <T>(held: readonly Held<T>[], results: HandleResult[], result: HandleResult): void => {
  for (const { position } of held) results[position] = result
}

export const leaseLost = (queue: string): HandleResult => failed(leaseLostError(queue))

export const messageGone = (queue: string): HandleResult =>
  failed(new HoldfastError('MessageNotFound', 'the message is gone: acked, cancelled, moved or expired', { queue }))

/** Whether a message may still be in its queue, so that no later message of its group may be moved. */
export const isStopping = (result: HandleResult): boolean => !result.ok && result.error.code !== 'MessageNotFound'

/** The lease of a handle, with another end, epoch ms. */
export const leaseOf = ({ token, receiveCount, firstReceivedAt }: ReceiptHandle, until: number): Lease => ({
  kind: 'lease',
  token,
  until,
  receiveCount,
  firstReceivedAt,
  backingOff: false,
})

/** The requirement that each message is leased under its handle's token, whether that lease is over or not. */
export const heldByToken = (held: readonly Held<unknown>[]): Requirement => ({
  kind: 'slots',
  slots: held.map(({ handle }) => [handle.index, { kind: 'token', token: handle.token }]),
})

/** The result of a handle for which the requirement of `heldByToken` failed. */
export const settleByToken =
  (queue: string) =>
  ({ handle }: Held<unknown>, current: Segment | undefined): HandleResult | undefined => {
    const slot = current && slotAt(current, handle.index)
    if (!slot || slot.kind === 'gone') return messageGone(queue)
    return isLeasedUnder(slot, handle.token) ? undefined : leaseLost(queue)
  }
