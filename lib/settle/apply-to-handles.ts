import type { Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { HoldfastError, invalid, isHoldfastError } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import type { QueueState } from '../model/queue-record.ts'
import { keyOfHandle, type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { holds, type Segment, slotAt } from '../model/segment.ts'
import type { Change, Requirement } from '../model/segment-change.ts'
import { type SegmentKey, segmentId } from '../model/segment-key.ts'

/** A receipt handle with what is asked for it. */
export interface Held<T> {
  readonly handle: ReceiptHandle
  readonly request: T
  /** Where it stood in the request. */
  readonly position: number
}

/** How an operation on receipt handles acts; ack, extend and nack differ in nothing else. */
export interface HandleOperation<T> {
  /** The change for these handles of one segment; `current` is what a try before found there. */
  readonly change: (key: SegmentKey, held: readonly Held<T>[], current: Segment | undefined) => Change
  /** What is already decided about a handle, now that its segment is known; nothing when the change may be tried. */
  readonly settle: (held: Held<T>, current: Segment | undefined) => HandleResult | undefined
  /** What follows once a change is made; should it fail, the change has succeeded all the same. */
  readonly done: (key: SegmentKey, held: readonly Held<T>[], after: Segment | undefined) => Promise<void>
}

export const OK: HandleResult = { ok: true }
export const failed = (error: HoldfastError): HandleResult => ({ ok: false, error })

/** Each further try follows a change by someone else to the very messages in hand. */
const TRIES = 6

/**
 * Applies an operation to receipt handles: one conditional write for each segment they are of, all at once, with no
 * read before. Where the condition fails the store answers what it found, from which each handle is settled or tried
 * again.
 *
 * @returns one result a handle, in order
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
      const error = new HoldfastError('Throttled', 'the message is being changed by others', { reason: 'contention' })
      for (const { held } of pending) settleAll(held, results, failed(error))
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

/** What is asked for the messages of one segment. */
interface Group<T> {
  readonly key: SegmentKey
  readonly held: readonly Held<T>[]
  /** The segment as a try before found it. */
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

/** Makes a change for each group; answers what is to be tried again, knowing what was found. */
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

/** A message named twice in one request is changed once at a time: the others wait for the next try. */
const oncePerMessage = <T>(held: readonly Held<T>[]): readonly Held<T>[] => {
  if (held.length === 1) return held
  const seen = new Set<number>()
  return held.filter(({ handle }) => !seen.has(handle.index) && seen.add(handle.index))
}

const settleAll = <T>(held: readonly Held<T>[], results: HandleResult[], result: HandleResult): void => {
  for (const { position } of held) results[position] = result
}

export const leaseLost = (queue: string): HandleResult =>
  failed(new HoldfastError('LeaseLost', 'the lease ended and the message has been received again since', { queue }))

export const messageGone = (queue: string): HandleResult =>
  failed(new HoldfastError('MessageNotFound', 'the message is gone: acked, cancelled, moved or expired', { queue }))

/** The requirement that each message is leased under its handle's token, whether that lease is over or not. */
export const heldByToken = (held: readonly Held<unknown>[]): Requirement => ({
  kind: 'slots',
  slots: held.map(({ handle }) => [handle.index, { kind: 'token', token: handle.token }]),
})

/** What follows for a handle where that requirement failed. */
export const settleByToken =
  (queue: string) =>
  ({ handle }: Held<unknown>, current: Segment | undefined): HandleResult | undefined => {
    const slot = current && slotAt(current, handle.index)
    if (!slot || slot.kind === 'gone') return messageGone(queue)
    return holds(slot, handle.token) ? undefined : leaseLost(queue)
  }
