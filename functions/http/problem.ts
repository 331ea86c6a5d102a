import { type ErrorCode, isHoldfastError, type ThrottleReason } from '../../lib/model/errors.ts'
import { plainName } from '../../lib/model/queue-name.ts'

const STATUS = {
  InvalidRequest: 400,
  QueueNotFound: 404,
  QueueExists: 409,
  QueueDeletedRecently: 409,
  PurgeInProgress: 409,
  MessageNotFound: 404,
  RedriveNotFound: 404,
  ReceiptHandleInvalid: 400,
  LeaseLost: 409,
  MessageTooLarge: 413,
  OperationInProgress: 409,
  MessageFailed: 409,
  MessageGone: 410,
  ResultNotStored: 410,
  TimedOut: 504,
  // No route commits transactions.
  TransactionCanceled: 409,
  OutcomeUnknown: 503,
  NotSupported: 501,
  // The function's own role lacks a right. The caller's rights were checked before.
  AccessDenied: 500,
  Throttled: 429,
  StoreUnavailable: 503,
  Internal: 500,
} as const satisfies Record<ErrorCode, number>

/** Refusals that only the HTTP API has. */
const HTTP_STATUS = {
  CallerRefused: 403,
  MoveRefused: 403,
  QueueInUse: 409,
  NoDeadLetterQueue: 409,
  RouteNotFound: 404,
  MethodNotAllowed: 405,
  RequestTooLarge: 413,
  UnsupportedMediaType: 415,
} as const

export type HttpErrorCode = keyof typeof HTTP_STATUS
/** Every code of a problem document, with its status. */
export const PROBLEM_CODES: Readonly<Record<string, number>> = { ...STATUS, ...HTTP_STATUS }
export const PROBLEM_STATUSES: readonly number[] = [...new Set(Object.values(PROBLEM_CODES))]

/** A request refused before any operation has seen it. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal'
  readonly code: HttpErrorCode
  readonly value: unknown
  readonly field: string | undefined
  readonly hint: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(code: HttpErrorCode, message: string, { value, field, hint, headers = {} }: RefusalDetails = {}) {
    super(message)
    this.code = code
    this.value = value
    this.field = field
    this.hint = hint
    this.headers = headers
  }
}

export interface RefusalDetails {
  /** What was refused. */
  readonly value?: unknown
  /** The field of the request that it is in. */
  readonly field?: string
  /** What the caller can do about it. */
  readonly hint?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A problem document: https://www.rfc-editor.org/rfc/rfc9457 */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The reason, stable and made for programs. */
  readonly code: ErrorCode | HttpErrorCode
  readonly field?: string
  readonly value?: unknown
  readonly queue?: string
  /** For `Throttled`: what has reached its limit. */
  readonly reason?: ThrottleReason
  /** What the caller can do, unless the detail already says it. */
  readonly hint?: string
  readonly retryable: boolean
  readonly requestId?: string
}

/** Whether a failure is this service's own fault. Its answer then gives the request's id, and no reason. */
export const isUnexpected = (error: unknown): boolean =>
  !(error instanceof HttpRefusal) && (!isHoldfastError(error) || STATUS[error.code] === 500)

/**
 * The problem document for a failure, for a reader whose own credentials or table caused it: the document has the reason, which an API
 * keeps to itself. Undefined for a defect.
 */
export const disclosedProblemOf = (error: unknown): Problem | undefined => {
  if (!isUnexpected(error)) return problemOf(error)
  if (!isHoldfastError(error)) return undefined
  const { code, message } = error
  const isDenied = code === 'AccessDenied'
  const wrong = isDenied ? 'which rights your role lacks' : 'what is wrong with the table'
  return document(code, isDenied ? 403 : STATUS[code], message, {
    hint: `"holdfast doctor" shows ${wrong}.`,
    retryable: error.retryable,
  })
}

/** The problem document for a failure. */
export const problemOf = (error: unknown, requestId?: string): Problem => {
  if (error instanceof HttpRefusal) {
    const { code, message, value, field, hint } = error
    return document(code, HTTP_STATUS[code], message, { field, value, hint, retryable: false, requestId })
  }
  if (!isHoldfastError(error) || isUnexpected(error)) {
    return document('Internal', STATUS.Internal, 'the request failed because of an error in the service', {
      retryable: false,
      requestId,
    })
  }
  const { field, value, queue, reason } = error.fields
  return document(error.code, STATUS[error.code], error.message, {
    field,
    value,
    queue: queue === undefined ? undefined : plainName(queue),
    reason,
    retryable: error.retryable,
    requestId,
  })
}

interface Particulars {
  readonly field?: string | undefined
  readonly value?: unknown
  readonly queue?: string | undefined
  readonly reason?: ThrottleReason | undefined
  readonly hint?: string | undefined
  readonly retryable: boolean
  readonly requestId?: string | undefined
}

const document = (
  code: ErrorCode | HttpErrorCode,
  status: number,
  detail: string,
  { field, value, queue, reason, hint, retryable, requestId }: Particulars,
): Problem => ({
  type: `urn:holdfast:problem:${words(code).join('-')}`,
  title: sentence(words(code)),
  status,
  detail,
  code,
  ...(field !== undefined && { field }),
  ...(shown(value) !== undefined && { value: shown(value) }),
  ...(queue !== undefined && { queue }),
  ...(reason !== undefined && { reason }),
  ...(hint !== undefined && { hint }),
  retryable,
  ...(requestId !== undefined && { requestId }),
})

const words = (code: string): string[] => code.split(/(?=[A-Z])/).map((word) => word.toLowerCase())
const sentence = ([first = '', ...rest]: string[]): string =>
  [first.charAt(0).toUpperCase() + first.slice(1), ...rest].join(' ')

const MAX_VALUE_LENGTH = 200

/** The refused value, unless it is too long to be useful. */
const shown = (value: unknown): unknown => {
  if (value === undefined || typeof value === 'bigint') return undefined
  if (typeof value === 'string') return value.length > MAX_VALUE_LENGTH ? `${value.slice(0, MAX_VALUE_LENGTH)}…` : value
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  // A value from JSON may be nested too deeply to be written again.
  try {
    const text = JSON.stringify(value)
    return text !== undefined && text.length <= MAX_VALUE_LENGTH ? value : undefined
  } catch {
    return undefined
  }
}

/** Seconds after which the caller can try again. */
const RETRY_AFTER_SECONDS = '1'

export const problemResponse = (error: unknown, requestId: string): Response => {
  const problem = problemOf(error, requestId)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-request-id': requestId,
      ...(problem.retryable && { 'retry-after': RETRY_AFTER_SECONDS }),
      ...(error instanceof HttpRefusal && error.headers),
    },
  })
}
