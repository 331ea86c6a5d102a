import { type ErrorCode, type HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'

/**
 * The errors of SQS by their shape. JSON clients get the shape in `__type` and the code in the header
 * `x-amzn-query-error`; clients of the query protocol get the code alone.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 */
const ERRORS = {
  QueueDoesNotExist: { code: 'AWS.SimpleQueueService.NonExistentQueue', status: 400 },
  QueueNameExists: { code: 'QueueAlreadyExists', status: 400 },
  QueueDeletedRecently: { code: 'AWS.SimpleQueueService.QueueDeletedRecently', status: 400 },
  PurgeQueueInProgress: { code: 'AWS.SimpleQueueService.PurgeQueueInProgress', status: 403 },
  EmptyBatchRequest: { code: 'AWS.SimpleQueueService.EmptyBatchRequest', status: 400 },
  TooManyEntriesInBatchRequest: { code: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest', status: 400 },
  BatchEntryIdsNotDistinct: { code: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct', status: 400 },
  InvalidBatchEntryId: { code: 'AWS.SimpleQueueService.InvalidBatchEntryId', status: 400 },
  BatchRequestTooLong: { code: 'AWS.SimpleQueueService.BatchRequestTooLong', status: 400 },
  UnsupportedOperation: { code: 'AWS.SimpleQueueService.UnsupportedOperation', status: 400 },
  MessageNotInflight: { code: 'AWS.SimpleQueueService.MessageNotInflight', status: 400 },
  ReceiptHandleIsInvalid: { code: 'ReceiptHandleIsInvalid', status: 400 },
  InvalidMessageContents: { code: 'InvalidMessageContents', status: 400 },
  InvalidAttributeName: { code: 'InvalidAttributeName', status: 400 },
  InvalidAttributeValue: { code: 'InvalidAttributeValue', status: 400 },
  InvalidParameterValueException: { code: 'InvalidParameterValue', status: 400 },
  MissingRequiredParameterException: { code: 'MissingParameter', status: 400 },
  ResourceNotFoundException: { code: 'ResourceNotFoundException', status: 404 },
  OverLimit: { code: 'OverLimit', status: 403 },
  RequestThrottled: { code: 'RequestThrottled', status: 403 },
  InvalidAction: { code: 'InvalidAction', status: 400 },
  MissingAction: { code: 'MissingAction', status: 400 },
  SerializationException: { code: 'SerializationException', status: 400 },
  MalformedQueryString: { code: 'MalformedQueryString', status: 400 },
  IncompleteBody: { code: 'IncompleteBody', status: 400 },
  RequestEntityTooLarge: { code: 'RequestEntityTooLarge', status: 413 },
  InvalidClientTokenId: { code: 'InvalidClientTokenId', status: 403 },
  SignatureDoesNotMatch: { code: 'SignatureDoesNotMatch', status: 403 },
  IncompleteSignature: { code: 'IncompleteSignature', status: 400 },
  MissingAuthenticationToken: { code: 'MissingAuthenticationToken', status: 403 },
  ExpiredToken: { code: 'ExpiredToken', status: 403 },
  AccessDenied: { code: 'AccessDenied', status: 403 },
  ServiceUnavailable: { code: 'ServiceUnavailable', status: 503 },
  InternalFailure: { code: 'InternalFailure', status: 500 },
} as const satisfies Record<string, { code: string; status: number }>

export type SqsErrorShape = keyof typeof ERRORS

/** A failure under SQS's names and with SQS's message. */
export class SqsError extends Error {
  override readonly name = 'SqsError'
  readonly shape: SqsErrorShape

  constructor(shape: SqsErrorShape, message: string, options?: ErrorOptions) {
    super(message, options)
    this.shape = shape
  }
  get code(): string {
    return ERRORS[this.shape].code
  }
  get status(): number {
    return ERRORS[this.shape].status
  }
  /** The protocol's word for who is at fault. Clients retry the faults of the receiver. */
  get fault(): 'Sender' | 'Receiver' {
    return this.status >= 500 ? 'Receiver' : 'Sender'
  }
}

export const missingParameter = (name: string): SqsError =>
  new SqsError('MissingRequiredParameterException', `The request must contain the parameter ${name}.`)

export const invalidParameter = (message: string): SqsError => new SqsError('InvalidParameterValueException', message)

/** The error for a value that a parameter does not accept. */
export const invalidValue = (parameter: string, value: string | number, reason: string): SqsError =>
  invalidParameter(`Value ${shortened(String(value))} for parameter ${parameter} is invalid. Reason: ${reason}`)

export const unknownAttribute = (name: string): SqsError =>
  new SqsError('InvalidAttributeName', `Unknown Attribute ${shortened(name)}.`)

export const invalidAttribute = (name: string): SqsError =>
  new SqsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.`)

export const queueDoesNotExist = (): SqsError =>
  new SqsError('QueueDoesNotExist', 'The specified queue does not exist.')

/** The shape of each engine error. An action translates the errors itself whose message depends on its input. */
const SHAPES = {
  InvalidRequest: 'InvalidParameterValueException',
  QueueNotFound: 'QueueDoesNotExist',
  QueueExists: 'QueueNameExists',
  QueueDeletedRecently: 'QueueDeletedRecently',
  PurgeInProgress: 'PurgeQueueInProgress',
  MessageNotFound: 'InvalidParameterValueException',
  RedriveNotFound: 'ResourceNotFoundException',
  ReceiptHandleInvalid: 'ReceiptHandleIsInvalid',
  LeaseLost: 'MessageNotInflight',
  MessageTooLarge: 'InvalidParameterValueException',
  OperationInProgress: 'UnsupportedOperation',
  // These come from waits for results, which SQS does not have.
  MessageFailed: 'InternalFailure',
  MessageGone: 'InternalFailure',
  ResultNotStored: 'InternalFailure',
  TimedOut: 'InternalFailure',
  // No action commits transactions.
  TransactionCanceled: 'InternalFailure',
  OutcomeUnknown: 'InternalFailure',
  NotSupported: 'UnsupportedOperation',
  // This function's role lacks a right. A caller without a right is refused before, with an `SqsError`.
  AccessDenied: 'InternalFailure',
  Throttled: 'RequestThrottled',
  StoreUnavailable: 'ServiceUnavailable',
  Internal: 'InternalFailure',
} as const satisfies Record<ErrorCode, SqsErrorShape>

/** The query protocol's code for an engine error. */
export const codeOf = (code: ErrorCode): string => ERRORS[SHAPES[code]].code

/** Any failure as an SQS error. The details of an unexpected one stay in `cause`. */
export const toSqsError = (error: unknown): SqsError => {
  if (error instanceof SqsError) return error
  if (!isHoldfastError(error)) {
    return new SqsError('InternalFailure', 'The request processing has failed because of an unknown error.', {
      cause: error,
    })
  }
  return new SqsError(SHAPES[error.code], sentence(error), { cause: error })
}

const sentence = (error: HoldfastError): string => {
  switch (error.code) {
    case 'QueueNotFound':
      return queueDoesNotExist().message
    case 'QueueDeletedRecently':
      return 'You must wait 60 seconds after deleting a queue before you can create another with the same name.'
    case 'RedriveNotFound':
      return 'Task does not exist.'
    case 'Throttled':
      return 'Request is throttled.'
    case 'StoreUnavailable':
      return 'The request has failed due to a temporary failure of the server.'
    case 'AccessDenied':
    case 'Internal':
      return 'The request processing has failed because of an unknown error.'
    case 'LeaseLost':
      return 'The message referred to is not in flight.'
    default:
      return `${error.message}.`
  }
}

const shortened = (text: string): string => (text.length > 1_024 ? `${text.slice(0, 1_024)}…` : text)
