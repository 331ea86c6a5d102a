import type { HoldfastError } from '../../lib/model/errors.ts'
import type { HandleResult } from '../../lib/model/message.ts'
import type { QueueState } from '../../lib/model/queue-record.ts'
import { invalidValue, SqsError, toSqsError } from './errors.ts'

/**
 * Why a receipt handle did not do what was asked, as SQS says it; nothing when it did. On a standard queue SQS also
 * answers success for a handle whose time is over or whose message another consumer has received since, and changes
 * nothing; a FIFO queue says that the handle has expired.
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

/** In a batch SQS gives another code to the entry of a message that is gone than to a single change. */
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
