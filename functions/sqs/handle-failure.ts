import type { HoldfastError } from '../../lib/errors.ts'
import type { QueueState } from '../../lib/queue-record.ts'
import { invalidValue, SqsError, toSqsError } from './errors.ts'

/** Why a receipt handle did not do what was asked, as SQS says it. */
export const handleFailure = (queue: QueueState, receiptHandle: string, error: HoldfastError | undefined): SqsError => {
  switch (error?.code) {
    case 'ReceiptHandleInvalid':
      return new SqsError(
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${receiptHandle.slice(0, 1_024)}" is not a valid receipt handle.`,
      )
    case 'MessageNotFound':
      return invalidValue(
        'ReceiptHandle',
        receiptHandle,
        'Message does not exist or is not available for visibility timeout change.',
      )
    case 'LeaseLost':
      return queue.settings.fifo
        ? invalidValue('ReceiptHandle', receiptHandle, 'The receipt handle has expired.')
        : toSqsError(error)
    default:
      return toSqsError(error)
  }
}
