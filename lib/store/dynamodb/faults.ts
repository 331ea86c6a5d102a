import { HoldfastError } from '../../model/errors.ts'

const THROTTLED = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'RequestLimitExceeded',
  'TransactionConflictException',
  'TransactionConflict',
])
const DENIED = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnrecognizedClientException',
  'ExpiredTokenException',
  'InvalidSignatureException',
  'CredentialsProviderError',
])

/** Whether DynamoDB refused to try, so that nothing was done. */
export const isThrottle = (name: string | undefined): boolean => name !== undefined && THROTTLED.has(name)
/** Two writers met in a transaction; trying again a moment later is all there is to do. */
export const isConflict = (name: string | undefined): boolean =>
  name === 'TransactionConflictException' || name === 'TransactionConflict'

export const throttled = (options?: ErrorOptions): HoldfastError =>
  new HoldfastError('Throttled', 'DynamoDB is throttling the table', {}, options)

/** Translates a failure of the SDK; nothing of the SDK's leaves this folder but as a `cause`. */
export const fault = (error: unknown, table: string): HoldfastError => {
  if (error instanceof HoldfastError) return error
  const { name, message, $fault, $metadata } = error as {
    name?: string
    message?: string
    $fault?: string
    $metadata?: { httpStatusCode?: number }
  }
  const options = { cause: error }
  if (isThrottle(name)) return throttled(options)
  if (name !== undefined && DENIED.has(name)) {
    return new HoldfastError('AccessDenied', `DynamoDB refused access to table ${table}: ${message}`, {}, options)
  }
  if (name === 'ResourceNotFoundException') {
    return new HoldfastError('Internal', `DynamoDB table ${table} does not exist`, {}, options)
  }
  // A fault of ours is the only thing DynamoDB answers with a 4xx that is left; all else may pass.
  const ours = $fault === 'client' && $metadata?.httpStatusCode !== undefined && $metadata.httpStatusCode < 500
  return ours
    ? new HoldfastError('Internal', `DynamoDB refused the request: ${name}: ${message}`, {}, options)
    : new HoldfastError('StoreUnavailable', `DynamoDB could not be reached: ${name}: ${message}`, {}, options)
}
