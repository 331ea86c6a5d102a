import type { Engine } from './engine.ts'
import { HoldfastError, invalid, isHoldfastError } from './errors.ts'
import { LIMITS } from './limits.ts'
import type { HandleResult } from './message.ts'
import type { QueueState } from './queue-record.ts'
import { keyOfHandle, type ReceiptHandle, receiptHandleFor } from './receipt-handle.ts'
import { type Change, holds, type Requirement, type Segment, slotAt } from './segment.ts'
import { type SegmentKey, segmentId } from './segment-key.ts'

/** A receipt handle with what is asked for it. */
export interface Held<T> {
  readonly handle: ReceiptHandle
  readonly wish: T
  /** Where it stood in the request. */
  readonly position: number
}

/** How an operation on receipt handles acts; ack, extend and nack differ in nothing else. */
export interface HandleOperation<T> {
  /** The change for these handles of one segment; `current` is what a try before found there. */
  readonly change: (key: SegmentKey, held: readonly Held<T>[], current: Segment | undefined) => Change
  /** What is already decided about a handle, now that its segment is known; nothing when the change may be tried. */
  readonly settle: (held: Held<T>, current: Segment | undefined) => HandleResult | undefined
  /** What to do once a change is made. */
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
 * @throws `InvalidRequest` for none or more than 25, `QueueNotFound`
 */
export const applyToHandles = async <T>(
  engine: Engine,
  queueName: string,
  entries: readonly { receiptHandle: string; wish: T }[],
  operation: HandleOperation<T>,
): Promise<HandleResult[]> => {
  if (entries.length < 1 || entries.length > LIMITS.batchSize) {
    throw invalid('receiptHandles', entries.length, `must hold 1 to ${LIMITS.batchSize} receipt handles`)
  }
  const queue = await engine.queues.get(queueName)
  const results = new Array<HandleResult>(entries.length)
  let pending = bySegment(queue, entries, results)
  let current = new Map<string, Segment | undefined>()
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt === TRIES) {
      settleAll(pending, results, failed(new HoldfastError('Throttled', 'the message is being changed by others')))
      break
    }
    ;({ pending, current } = await tryOnce(engine, pending, current, operation, results))
  }
  return results
}

interface Group<T> {
  readonly key: SegmentKey
  readonly held: readonly Held<T>[]
}

const bySegment = <T>(
  queue: QueueState,
  entries: readonly { receiptHandle: string; wish: T }[],
  results: HandleResult[],
): Group<T>[] => {
  const groups = new Map<string, { key: SegmentKey; held: Held<T>[] }>()
  for (const [position, { receiptHandle, wish }] of entries.entries()) {
    try {
      const handle = receiptHandleFor(queue.name, receiptHandle)
      const key = keyOfHandle(queue, handle)
      const id = segmentId(key)
      const group = groups.get(id) ?? { key, held: [] }
      groups.set(id, group)
      group.held.push({ handle, wish, position })
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      results[position] = failed(error)
    }
  }
  return [...groups.values()]
}

const tryOnce = async <T>(
  engine: Engine,
  groups: readonly Group<T>[],
  current: ReadonlyMap<string, Segment | undefined>,
  operation: HandleOperation<T>,
  results: HandleResult[],
) => {
  const pending: Group<T>[] = []
  const found = new Map<string, Segment | undefined>()
  const undecided = (held: readonly Held<T>[], segment: Segment | undefined): Held<T>[] =>
    held.filter((one) => {
      const result = operation.settle(one, segment)
      if (result) results[one.position] = result
      return !result
    })
  const changes = groups.map(({ key, held }) =>
    operation.change(key, oncePerMessage(held), current.get(segmentId(key))),
  )
  const outcomes = await engine.store.change(changes)
  for (const [at, { key, held }] of groups.entries()) {
    const outcome = outcomes[at]
    const tried = oncePerMessage(held)
    if (outcome?.applied) {
      for (const { position } of tried) results[position] = OK
      await operation.done(key, tried, outcome.segment)
      const rest = undecided(
        held.filter((one) => !tried.includes(one)),
        outcome.segment,
      )
      if (rest.length > 0) pending.push({ key, held: rest })
      found.set(segmentId(key), outcome.segment)
    } else if (outcome?.error) {
      settleAll([{ key, held }], results, failed(outcome.error))
    } else {
      const left = undecided(held, outcome?.segment)
      if (left.length > 0) pending.push({ key, held: left })
      found.set(segmentId(key), outcome?.segment)
    }
  }
  return { pending, current: found }
}

/** A message named twice in one request is changed once at a time: the others wait for the next try. */
const oncePerMessage = <T>(held: readonly Held<T>[]): Held<T>[] => {
  const seen = new Set<number>()
  return held.filter(({ handle }) => !seen.has(handle.index) && seen.add(handle.index))
}

const settleAll = <T>(groups: readonly Group<T>[], results: HandleResult[], result: HandleResult): void => {
  for (const { held } of groups) for (const { position } of held) results[position] = result
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
