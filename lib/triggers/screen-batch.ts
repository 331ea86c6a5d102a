import { isHoldfastError } from '../model/errors.ts'
import type { HandleResult, Message } from '../model/message.ts'
import { plainName } from '../model/queue-name.ts'
import { moveHeld } from '../settle/move-held.ts'
import { type FilteredRecord, filterOf } from './filter/filter.ts'
import type { Run } from './run-state.ts'
import { settleBatch, verdictsOf } from './settle-batch.ts'
import type { Trigger } from './trigger.ts'

/** Claimed messages, in the order of their claims. */
export interface Screened {
  /** The messages that the function gets. */
  readonly matched: readonly Message[]
  /** The messages that are acked with the batch. */
  readonly unmatched: readonly Message[]
}

/**
 * Applies the trigger's filter to claimed messages. If unmatched messages are to be moved, this moves them, one after the other in a
 * FIFO group. If they are to be deleted, the ack of their batch deletes them at no further cost.
 *
 * INVARIANT: the run gives up a message only by a move, a nack or an unreceive. A message that the filter can't judge goes to the
 * function. A message that can't be moved is nacked, and on FIFO queues all later messages of its group are unreceived.
 *
 * @throws an error of the store, after all messages were unreceived
 */
export const screenBatch = async (run: Run, trigger: Trigger, claimed: readonly Message[]): Promise<Screened> => {
  if (!trigger.filter || claimed.length === 0) return { matched: claimed, unmatched: [] }
  let records: readonly FilteredRecord[]
  try {
    records = await run.options.invoker.records(trigger, claimed)
  } catch (error) {
    await settleBatch(run, { acked: [], nacked: [], unreceived: claimed })
    throw error
  }
  const isMatched = claimed.map((message, at) => judge(run, trigger, message, records[at] as FilteredRecord))
  const matched = claimed.filter((_, at) => isMatched[at])
  const unmatched = claimed.filter((_, at) => !isMatched[at])
  const { unmatched: fate } = trigger
  if (unmatched.length === 0 || typeof fate !== 'object') return { matched, unmatched }
  const gone = await moveUnmatched(run, claimed, unmatched, fate.queue)
  return { matched: matched.filter((message) => !gone.has(message)), unmatched: [] }
}

const judge = (run: Run, { queue, filter = [] }: Trigger, message: Message, record: FilteredRecord): boolean => {
  const matches = filterOf(filter)
  try {
    return matches(record)
  } catch (error) {
    run.observe({ type: 'filter-failed', queue, messageId: message.messageId, error })
    return true
  }
}

/** @returns the messages that the run no longer holds */
const moveUnmatched = async (
  run: Run,
  claimed: readonly Message[],
  unmatched: readonly Message[],
  target: string,
): Promise<ReadonlySet<Message>> => {
  const { observe, options } = run
  const { queue } = options
  const results = await moveAll(run, unmatched, target)
  const moved = results.filter(({ ok }) => ok).length
  if (moved > 0) observe({ type: 'unmatched', queue, messages: moved, movedTo: plainName(target) })
  const kept = unmatched.filter((_, at) => isKept(results[at] as HandleResult))
  if (kept.length === 0) return new Set(unmatched)
  const gone = new Set(unmatched.filter((message) => !kept.includes(message)))
  const { nacked, unreceived } = verdictsOf(
    claimed.filter((message) => !gone.has(message)),
    new Set(kept.map(({ messageId }) => messageId)),
    plainName(queue).endsWith('.fifo'),
  )
  const error = results.flatMap((result) => (isKept(result) && !result.ok ? [result.error] : []))[0]
  observe({ type: 'unmatched-kept', queue, messages: kept.length, target: plainName(target), error })
  const failure = { name: 'UnmatchedNotMoved', message: `not moved to ${plainName(target)}: ${error?.message}` }
  await settleBatch(run, { acked: [], nacked, unreceived }, failure)
  return new Set([...unmatched, ...unreceived])
}

/** Moves messages. If the store fails, all of them are kept. */
const moveAll = async (
  { engine, options }: Run,
  messages: readonly Message[],
  target: string,
): Promise<HandleResult[]> => {
  const handles = messages.map(({ receiptHandle }) => receiptHandle)
  try {
    return await moveHeld(engine, options.queue, target, handles)
  } catch (error) {
    if (!isHoldfastError(error)) throw error
    return handles.map(() => ({ ok: false, error }))
  }
}

/** Whether the run still holds a message, because it was not moved. */
const isKept = (result: HandleResult): boolean =>
  !result.ok && result.error.code !== 'MessageNotFound' && result.error.code !== 'LeaseLost'
