import type { HoldfastError } from '../../lib/model/errors.ts'
import type { HandleResult } from '../../lib/model/message.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { invalidValue, SqsError, toSqsError } from './errors.ts'

/**
 * The SQS error for the result of a receipt handle; nothing for a success. A standard queue also reports success, and
 * changes nothing, for a handle whose visibility timeout ended or whose message another consumer has received since. A
 * FIFO queue reports that the handle has expired.
 */
export const handleFailure = (
  queue: QueueState,
  receiptHandle: string,
  result: HandleResult | undefined,
): SqsError | undefined => {
  if (!result || result.ok) return undefined
  if (result.error.code === 'LeaseLost' && !queue.settings.fifo) return undefined
  return asSqsError(receiptHandle, result.error)
}

/** The same for an entry of a batch, where SQS has another code for a message that no longer exists. */
export const batchHandleFailure = (
  queue: QueueState,
  receiptHandle: string,
  result: HandleResult | undefined,
): SqsError | undefined =>
  result?.ok === false && result.error.code === 'MessageNotFound'
    ? new SqsError('ReceiptHandleIsInvalid', MESSAGE_GONE)
    : handleFailure(queue, receiptHandle, result)

const MESSAGE_GONE = 'Message does not exist or is not available for visibility timeout change.'

const asSqsError = (receiptHandle: string, error: HoldfastError): SqsError => {
  switch (error.code) {
    case 'ReceiptHandleInvalid':
      return new SqsError(
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${receiptHandle.slice(0, 1_024)}" is not a valid receipt handle.`,
      )
    case 'MessageNotFound':
      return invalidValue('ReceiptHandle', receiptHandle, MESSAGE_GONE)
    case 'LeaseLost':
      return invalidValue('ReceiptHandle', receiptHandle, 'The receipt handle has expired.')
    default:
      return toSqsError(error)
  }
}
