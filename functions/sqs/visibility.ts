import type { HandleResult } from '../../lib/model/message.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { decodeReceiptHandle } from '../../lib/model/receipt-handle.ts'
import { extend } from '../../lib/settle/extend.ts'
import { nack } from '../../lib/settle/nack.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { batchAnswer, checkBatch, settleBatch } from './batch.ts'
import { type ActionContext, required, targetQueue } from './context.ts'
import { invalidValue, missingParameter } from './errors.ts'
import { batchHandleFailure, handleFailure } from './handle-failure.ts'
import type { Input, Output } from './model.ts'

const MAX_VISIBILITY_SECONDS = 43_200

/** SQS's twelve hours; more on a queue whose own timeout is set to more. */
export const maxVisibilitySeconds = (queue: QueueState): number =>
  Math.max(MAX_VISIBILITY_SECONDS, queue.settings.visibilityTimeoutSeconds)

interface Entry {
  readonly ReceiptHandle?: string | undefined
  readonly VisibilityTimeout?: number | undefined
}
interface VisibilityChange {
  readonly receiptHandle: string
  readonly visibilityTimeoutSeconds: number
}

export const changeMessageVisibility = async (
  context: ActionContext,
  input: Input<'ChangeMessageVisibility'>,
): Promise<Output<'ChangeMessageVisibility'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const change = checkedChange(context, queue, input)
  const [result] = await applyChanges(context, queue, [change])
  const failure = handleFailure(queue, change.receiptHandle, result)
  if (failure) throw failure
  return {}
}

export const changeMessageVisibilityBatch = async (
  context: ActionContext,
  input: Input<'ChangeMessageVisibilityBatch'>,
): Promise<Output<'ChangeMessageVisibilityBatch'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const entries = checkBatch(input.Entries, 'ChangeMessageVisibilityBatchRequestEntry')
  const { successful, failed } = await settleBatch(entries, {
    prepare: (entry) => checkedChange(context, queue, entry),
    apply: (changes) => applyChanges(context, queue, changes),
    failureOf: ({ receiptHandle }, result) => batchHandleFailure(queue, receiptHandle, result),
  })
  return batchAnswer(successful, failed)
}

const checkedChange = ({ engine }: ActionContext, queue: QueueState, entry: Entry): VisibilityChange => {
  const receiptHandle = required(entry.ReceiptHandle, 'ReceiptHandle')
  const seconds = entry.VisibilityTimeout
  if (seconds === undefined) throw missingParameter('VisibilityTimeout')
  const max = maxVisibilitySeconds(queue)
  if (seconds < 0 || seconds > max) {
    throw invalidValue('VisibilityTimeout', seconds, `Must be >= 0 and <= ${max}, if provided.`)
  }
  const receivedAt = decodeReceiptHandle(receiptHandle)?.receivedAt
  if (receivedAt !== undefined && engine.clock.now() + seconds * 1_000 > receivedAt + max * 1_000) {
    throw invalidValue(
      'VisibilityTimeout',
      seconds,
      `Total VisibilityTimeout for the message is beyond the limit [${max} seconds]`,
    )
  }
  return { receiptHandle, visibilityTimeoutSeconds: seconds }
}

/**
 * Applies the changes; one result a change, in order. Zero seconds make a message visible again. On a queue with a retry
 * policy the message then waits as the policy says, so that consumers that know only SQS get backoff.
 */
const applyChanges = async (
  { engine, count }: ActionContext,
  queue: QueueState,
  changes: readonly VisibilityChange[],
): Promise<HandleResult[]> => {
  const backsOff = ({ visibilityTimeoutSeconds }: VisibilityChange) =>
    visibilityTimeoutSeconds === 0 && queue.settings.retryPolicy !== undefined
  const nacks = changes.filter(backsOff).map(({ receiptHandle }) => ({ receiptHandle }))
  const extensions = changes.filter((change) => !backsOff(change))
  const [nacked, extended] = await Promise.all([
    nacks.length > 0 ? nack(engine, queue.name, nacks) : [],
    // In SQS a timeout that has ended can begin again until the message is received again.
    extensions.length > 0 ? extend(engine, queue.name, extensions, { revive: true }) : [],
  ])
  const successes = (results: readonly HandleResult[]) => results.filter(({ ok }) => ok).length
  count(queue, { [METRICS.nacked]: successes(nacked), [METRICS.extended]: successes(extended) })
  const results = { nacked: nacked.values(), extended: extended.values() }
  return changes.map((change) => results[backsOff(change) ? 'nacked' : 'extended'].next().value as HandleResult)
}
