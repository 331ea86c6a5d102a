import type { HandleResult } from '../../lib/model/message.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { decodeReceiptHandle } from '../../lib/model/receipt-handle.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { attempt, batchAnswer, checkBatch, type FailedEntry, failedEntry } from './batch.ts'
import { type ActionContext, required, targetQueue } from './context.ts'
import { invalidValue, missingParameter, SqsError } from './errors.ts'
import { batchHandleFailure, handleFailure } from './handle-failure.ts'
import type { Input, Output } from './model.ts'

const LONGEST_VISIBILITY_SECONDS = 43_200

/** Twelve hours, as SQS has it; more only on a queue whose own timeout was set to more. */
export const longestVisibilitySeconds = (queue: QueueState): number =>
  Math.max(LONGEST_VISIBILITY_SECONDS, queue.settings.visibilityTimeoutSeconds)

interface Entry {
  readonly ReceiptHandle?: string | undefined
  readonly VisibilityTimeout?: number | undefined
}
interface Wish {
  readonly receiptHandle: string
  readonly visibilityTimeoutSeconds: number
}

export const changeMessageVisibility = async (
  context: ActionContext,
  input: Input<'ChangeMessageVisibility'>,
): Promise<Output<'ChangeMessageVisibility'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const wish = checked(context, queue, input)
  const [result] = await change(context, queue, [wish])
  const failure = handleFailure(queue, wish.receiptHandle, result)
  if (failure) throw failure
  return {}
}

export const changeMessageVisibilityBatch = async (
  context: ActionContext,
  input: Input<'ChangeMessageVisibilityBatch'>,
): Promise<Output<'ChangeMessageVisibilityBatch'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const entries = checkBatch(input.Entries, 'ChangeMessageVisibilityBatchRequestEntry')
  const failed: FailedEntry[] = []
  const good: { id: string; wish: Wish }[] = []
  for (const entry of entries) {
    const wish = attempt(() => checked(context, queue, entry))
    if (wish instanceof SqsError) failed.push(failedEntry(entry.Id, wish))
    else good.push({ id: entry.Id, wish })
  }
  const results = await change(
    context,
    queue,
    good.map(({ wish }) => wish),
  )
  const successful: { Id: string }[] = []
  for (const [position, { id, wish }] of good.entries()) {
    const failure = batchHandleFailure(queue, wish.receiptHandle, results[position])
    if (failure) failed.push(failedEntry(id, failure))
    else successful.push({ Id: id })
  }
  return batchAnswer(successful, failed)
}

const checked = ({ engine }: ActionContext, queue: QueueState, entry: Entry): Wish => {
  const receiptHandle = required(entry.ReceiptHandle, 'ReceiptHandle')
  const seconds = entry.VisibilityTimeout
  if (seconds === undefined) throw missingParameter('VisibilityTimeout')
  const longest = longestVisibilitySeconds(queue)
  if (seconds < 0 || seconds > longest) {
    throw invalidValue('VisibilityTimeout', seconds, `Must be >= 0 and <= ${longest}, if provided.`)
  }
  const receivedAt = decodeReceiptHandle(receiptHandle)?.receivedAt
  if (receivedAt !== undefined && engine.clock.now() + seconds * 1_000 > receivedAt + longest * 1_000) {
    throw invalidValue(
      'VisibilityTimeout',
      seconds,
      `Total VisibilityTimeout for the message is beyond the limit [${longest} seconds]`,
    )
  }
  return { receiptHandle, visibilityTimeoutSeconds: seconds }
}

/**
 * Zero gives a message back. On a queue with a retry policy it then rests as the policy says, which is how consumers
 * that know only SQS get backoff.
 */
const change = async (
  { engine, count }: ActionContext,
  queue: QueueState,
  wishes: readonly Wish[],
): Promise<HandleResult[]> => {
  const given = (wish: Wish) => wish.visibilityTimeoutSeconds === 0 && queue.settings.retryPolicy !== undefined
  const back = wishes.filter(given)
  const kept = wishes.filter((wish) => !given(wish))
  const [nacked, extended] = await Promise.all([
    back.length > 0
      ? nack(
          engine,
          queue.name,
          back.map(({ receiptHandle }) => ({ receiptHandle })),
        )
      : [],
    // SQS lets a timeout that has ended begin anew until the message is received again.
    kept.length > 0 ? extend(engine, queue.name, kept, { revive: true }) : [],
  ])
  const done = (list: readonly HandleResult[]) => list.filter(({ ok }) => ok).length
  count({ [METRICS.nacked]: done(nacked), [METRICS.extended]: done(extended) })
  const results = [nacked.values(), extended.values()] as const
  return wishes.map((wish) => results[given(wish) ? 0 : 1].next().value as HandleResult)
}
