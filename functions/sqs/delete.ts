import { ack } from '../../lib/settle/ack.ts'
import { METRICS } from '../runtime/metric-names.ts'
import { batchAnswer, checkBatch, settleBatch } from './batch.ts'
import { type ActionContext, required, targetQueue } from './context.ts'
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
  context.count(queue, { [METRICS.acked]: 1 })
  return {}
}

export const deleteMessageBatch = async (
  context: ActionContext,
  input: Input<'DeleteMessageBatch'>,
): Promise<Output<'DeleteMessageBatch'>> => {
  const { queue } = await targetQueue(context, input.QueueUrl)
  const entries = checkBatch(input.Entries, 'DeleteMessageBatchRequestEntry')
  const { successful, failed } = await settleBatch(entries, {
    prepare: ({ ReceiptHandle }) => required(ReceiptHandle, 'ReceiptHandle'),
    apply: (handles) => ack(context.engine, queue.name, handles),
    failureOf: (receiptHandle, result) => handleFailure(queue, receiptHandle, result),
  })
  context.count(queue, { [METRICS.acked]: successful.length })
  return batchAnswer(successful, failed)
}
