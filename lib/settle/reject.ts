import type { Engine } from '../engine.ts'
import { HoldfastError, invalid, isHoldfastError, messageContended } from '../model/errors.ts'
import { isOrdered } from '../model/group.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult } from '../model/message.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueState } from '../model/queue-record.ts'
import { keyOfHandle, type ReceiptHandle, receiptHandleFor } from '../model/receipt-handle.ts'
import { type Failure, failureFrom } from '../model/result.ts'
import { isLeasedUnder, slotAt } from '../model/segment.ts'
import { segmentId } from '../model/segment-key.ts'
import { deadLetter, MAX_RECEIVES_EXCEEDED } from '../redrive/dead-letter.ts'
import { unreadableHeader } from '../store/unreadable.ts'
import { ack } from './ack.ts'
import { failed, isStopping, leaseLost, messageGone, OK } from './apply-to-handles.ts'

/** Retried only when another process changes messages of the same segment concurrently. */
const TRIES = 8

export interface Rejection {
  readonly receiptHandle: string
  readonly error?: string
  /** Whether the consumer asked for the move. Otherwise the message failed at the last receive that its queue allows. */
  readonly deadLetter?: boolean
  readonly failure?: Failure
}

/**
 * Moves leased messages to the queue's dead-letter queue at once, however often they were received. The reason is stored with
 * them. On a queue that keeps results and has no dead-letter queue, they fail for good. No message of a FIFO group is moved after one of its
 * group that could not be moved.
 *
 * reads: the segment of each message · writes: for each message the transaction of `deadLetter` · condition: leased under
 * the handle's token, as read · a crash leaves the message in exactly one of the two queues
 *
 * @returns one result for each handle, in order: `InvalidRequest` where the queue has no dead-letter queue, `LeaseLost`,
 *   `MessageNotFound`, `ReceiptHandleInvalid` … when not ok
 */
export const reject = async (
  engine: Engine,
  queue: QueueState,
  entries: readonly Rejection[],
): Promise<HandleResult[]> => {
  const results = new Array<HandleResult>(entries.length)
  const rows = new Map<string, Rejected[]>()
  for (const [position, { receiptHandle }] of entries.entries()) {
    try {
      const handle = receiptHandleFor(queue.name, receiptHandle, engine.clock.now())
      const row = rowOf(queue, handle)
      rows.set(row, [...(rows.get(row) ?? []), { handle, position }])
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      results[position] = failed(error)
    }
  }
  await Promise.all([...rows.values()].map((row) => rejectRow(engine, queue, inOrder(queue, row), entries, results)))
  return results
}

/** Rejects messages one after the other. In a FIFO group the first failure is the result of all later messages. */
const rejectRow = async (
  engine: Engine,
  queue: QueueState,
  row: readonly Rejected[],
  entries: readonly Rejection[],
  results: HandleResult[],
): Promise<void> => {
  let stopped: HandleResult | undefined
  for (const { handle, position } of row) {
    const rejection = entries[position] as Rejection
    const reject = () =>
      failsForGood(queue)
        ? failForGood(engine, queue, rejection)
        : rejectOne(engine, queue, handle, verdictOf(rejection))
    const result = stopped ?? (await reject().catch(failedResult))
    results[position] = result
    if (isOrdered(handle.group?.hash) && isStopping(result)) stopped = result
  }
}

const failedResult = (error: unknown): HandleResult => {
  if (!isHoldfastError(error)) throw error
  return failed(error)
}

interface Rejected {
  readonly handle: ReceiptHandle
  readonly position: number
}

/**
 * Messages of one row are moved one after the other. Those of one segment are, since each move changes the segment that the next one
 * requires, and those of one FIFO group, to keep their order in the dead-letter queue.
 */
const rowOf = (queue: QueueState, handle: ReceiptHandle): string =>
  handle.group && isOrdered(handle.group.hash) ? handle.group.hash : segmentId(keyOfHandle(queue, handle))

/** In the order of the queue, whatever order the caller has them in. */
const inOrder = (queue: QueueState, row: readonly Rejected[]): readonly Rejected[] => {
  const sortOf = ({ handle }: Rejected): string => keyOfHandle(queue, handle).sort
  const compare = (a: Rejected, b: Rejected): number =>
    sortOf(a) === sortOf(b) ? a.handle.index - b.handle.index : sortOf(a) < sortOf(b) ? -1 : 1
  return [...row].sort(compare)
}

/** Whether rejected messages end as failures: the queue keeps results, and has no dead-letter queue. */
const failsForGood = ({ settings: { deadLetter: to, results } }: QueueState): boolean =>
  to === undefined && results !== undefined

const failForGood = async (
  engine: Engine,
  queue: QueueState,
  { receiptHandle, error = 'Rejected', failure = { name: 'Rejected', message: error } }: Rejection,
): Promise<HandleResult> => {
  const [result] = await ack(engine, queue.name, [{ receiptHandle, failure }])
  return result as HandleResult
}

interface Verdict {
  readonly reason: string
  readonly failure: Failure | undefined
}

const verdictOf = ({ error, deadLetter, failure }: Rejection): Verdict => ({
  reason: (error ?? (deadLetter ? 'Rejected' : MAX_RECEIVES_EXCEEDED)).slice(0, LIMITS.reasonLength).toWellFormed(),
  failure: failure && failureFrom(failure),
})

const rejectOne = async (
  engine: Engine,
  queue: QueueState,
  handle: ReceiptHandle,
  { reason, failure }: Verdict,
): Promise<HandleResult> => {
  const target = queue.settings.deadLetter?.queue
  if (target === undefined) {
    return failed(
      invalid('deadLetter', plainName(queue.name), 'needs a queue that has a dead-letter queue: set its deadLetter'),
    )
  }
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [stored] = await engine.store.read([keyOfHandle(queue, handle)])
    const slot = stored && slotAt(stored.segment, handle.index)
    if (!slot || slot.kind === 'gone') return attempt > 0 ? OK : messageGone(queue.name)
    if (!isLeasedUnder(slot, handle.token)) return leaseLost(queue.name)
    if (stored.unreadable !== undefined) return failed(unreadableHeader(stored.segment.key, stored.unreadable))
    const outcome = await deadLetter(engine, queue, stored.segment, [handle.index], reason, failure)
    if (!outcome.moved) {
      const message = `the dead-letter queue ${plainName(target)} does not exist`
      return failed(new HoldfastError('QueueNotFound', message, { queue: plainName(target) }))
    }
    if (!outcome.changed) return OK
    // The next read shows whether an earlier try of this move succeeded.
  }
  return failed(messageContended(queue.name))
}
