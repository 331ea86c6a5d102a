import { HoldfastError, type ThrottleReason } from '../../model/errors.ts'
import { missingSetting } from '../../model/missing-settings.ts'

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

/** Whether an error, by its name, is a throttled request or a conflict: nothing was done. */
export const isThrottle = (name: string | undefined): boolean => name !== undefined && THROTTLED.has(name)
/** Whether an error, by its name, means that another transaction was writing the item. A retry succeeds. */
export const isConflict = (name: string | undefined): boolean =>
  name === 'TransactionConflictException' || name === 'TransactionConflict'

const THROTTLED_BY = {
  'key-range': 'DynamoDB is throttling one partition of the table: try again, or give the queue more shards',
  'configured-maximum':
    'DynamoDB is throttling the table, which is at the maximum configured for it: raise it, or try again',
  'provisioned-capacity':
    'DynamoDB is throttling the table, whose provisioned capacity is used up: raise it, or try again',
  'account-limit': "DynamoDB is throttling the table, which is at the account's quota: have AWS raise it, or try again",
  contention: 'other writers keep changing the same items: try again',
  unknown: 'DynamoDB is throttling the table: try again',
} as const satisfies Record<ThrottleReason, string>

export const throttled = (reason: ThrottleReason, options?: ErrorOptions): HoldfastError =>
  new HoldfastError('Throttled', THROTTLED_BY[reason], { reason }, options)

/** The failure of a write that was throttled, or refused otherwise, after a sending of it had no answer. */
export const perhapsDone = (cause: unknown): HoldfastError =>
  new HoldfastError(
    'StoreUnavailable',
    'DynamoDB did not answer the request and throttled or refused its repeat: it may have been done',
    {},
    { cause },
  )

/** DynamoDB's exceptions spell their list of reasons in two ways; exceptions of transactions and batches have no list. */
interface ThrottleFault {
  readonly name?: string
  readonly ThrottlingReasons?: readonly { readonly reason?: string }[]
  readonly throttlingReasons?: readonly { readonly reason?: string }[]
}

/** Our reasons by the ends of DynamoDB's, whose beginnings name table or index, read or write. */
const REASONS = [
  ['KeyRangeThroughputExceeded', 'key-range'],
  ['MaxOnDemandThroughputExceeded', 'configured-maximum'],
  ['ProvisionedThroughputExceeded', 'provisioned-capacity'],
  ['AccountLimitExceeded', 'account-limit'],
] as const satisfies [string, ThrottleReason][]

/** The reason of a throttled request; of several the first in the order of `REASONS`. */
const throttleReason = ({ name, ThrottlingReasons, throttlingReasons }: ThrottleFault): ThrottleReason => {
  if (isConflict(name)) return 'contention'
  const given = [ThrottlingReasons, throttlingReasons].flatMap((list) => list ?? []).map(({ reason = '' }) => reason)
  for (const [end, reason] of REASONS) if (given.some((one) => one.endsWith(end))) return reason
  return name === 'RequestLimitExceeded' ? 'account-limit' : 'unknown'
}

/** Translates a failure of the SDK, which becomes the `cause`. */
export const fault = (error: unknown, table: string): HoldfastError => {
  if (error instanceof HoldfastError) return error
  const { name, message, $fault, $metadata } = error as {
    name?: string
    message?: string
    $fault?: string
    $metadata?: { httpStatusCode?: number }
  }
  const options = { cause: error }
  const missing = missingSetting(error)
  if (missing) return missing
  if (isThrottle(name)) return throttled(throttleReason(error as ThrottleFault), options)
  if (name !== undefined && DENIED.has(name)) {
    return new HoldfastError('AccessDenied', `DynamoDB refused access to table ${table}: ${message}`, {}, options)
  }
  if (name === 'ResourceNotFoundException') {
    return new HoldfastError(
      'Internal',
      `DynamoDB table ${table} does not exist: compare its name, and the region of the client`,
      {},
      options,
    )
  }
  // Any other 4xx answer of DynamoDB is a defect in the request. All other failures may be temporary.
  const isDefect = $fault === 'client' && $metadata?.httpStatusCode !== undefined && $metadata.httpStatusCode < 500
  return isDefect
    ? new HoldfastError('Internal', `DynamoDB refused the request: ${name}: ${message}`, {}, options)
    : new HoldfastError('StoreUnavailable', `DynamoDB could not be reached: ${name}: ${message}`, {}, options)
}
