import { ack } from '../../lib/settle/ack.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { batchAnswer, checkBatch, type FailedEntry, failedEntry } from './batch.ts'
import { type ActionContext, required, targetQueue } from './context.ts'
import { missingParameter } from './errors.ts'
import { handleFailure } from './handle-failure.ts'
import type { Input, Output } from './model.ts'

export const deleteMessage = async (
  context: ActionContext,
  input: Input<'DeleteMessage'>,
): Promise<Output<'DeleteMessage'>> => {
  const receiptHandle = required(input.ReceiptHandle, 'ReceiptHandle')
  const { queue } = await targetQueue(context, input.QueueUrl)
  const [result] = await ack(context.engine, queue.name, [receiptHandle])
  const failure = handleFailure(queue, receiptHandle, result)
  if (failure) throw failure
  context.count({ [METRICS.acked]: 1 })
  return {}
}

export const deleteMessageBatch = async (
  context: ActionContext,
  input: Input<'DeleteMessageBatch'>,
): Promise<Output<'DeleteMessageBatch'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const entries = checkBatch(input.Entries, 'DeleteMessageBatchRequestEntry')
  const failed: FailedEntry[] = []
  const valid: { id: string; receiptHandle: string }[] = []
  for (const { Id, ReceiptHandle } of entries) {
    if (ReceiptHandle) valid.push({ id: Id, receiptHandle: ReceiptHandle })
    else failed.push(failedEntry(Id, missingParameter('ReceiptHandle')))
  }
  const handles = valid.map(({ receiptHandle }) => receiptHandle)
  const results = handles.length > 0 ? await ack(context.engine, queue.name, handles) : []
  const successful: { Id: string }[] = []
  for (const [position, { id, receiptHandle }] of valid.entries()) {
    const failure = handleFailure(queue, receiptHandle, results[position])
    if (failure) failed.push(failedEntry(id, failure))
    else successful.push({ Id: id })
  }
  context.count({ [METRICS.acked]: successful.length })
  return batchAnswer(successful, failed)
}
