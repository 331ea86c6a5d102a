import { type Clock, systemClock } from '../clock.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { backOff } from './backoff.ts'
import type { CallOptions } from './port.ts'
import type { Sign } from './signer.ts'
import { errorFrom, errorOfStatus, quoted } from './wire-errors.ts'
import { isObject, type Wire } from './wire-values.ts'

export interface HttpTransportParts {
  /** Address of the API; a base path is kept. */
  readonly url: URL
  readonly sign: Sign
  /** @default the runtime's own */
  readonly fetch?: typeof fetch
  /**
   * Whether publishes have an idempotency key, so that a publish whose answer was lost can be repeated without a second copy.
   * @default true
   */
  readonly idempotentPublish?: boolean
  /** Tries of a request that is safe to repeat, the first included. @default 4 */
  readonly maxAttempts?: number
  /** How long one try may take beyond a poll's wait, ms. @default 10000 */
  readonly timeoutMs?: number
  /** Waits between tries. @default the system's clock */
  readonly clock?: Clock
  readonly fraction?: () => number
}

export const DEFAULT_TIMEOUT_MS = 10_000

export interface Call extends CallOptions {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** `never`: a poll, whose lost answer may have leased messages. @default whenever the error is retryable */
  readonly repeat?: 'always' | 'never' | 'if-nothing-was-done'
  /** An error that means success when an earlier try may have done the work. */
  readonly doneWhen?: HoldfastError['code']
  /** How long after the first try the call may be repeated, ms, if a later repeat would do the work again. */
  readonly repeatableMs?: number
  /** @default the transport's */
  readonly timeoutMs?: number
}

export interface Reply {
  readonly status: number
  readonly json: Wire
  /** Whether an earlier try, whose answer was lost, may have done the work. */
  readonly maybeDone?: boolean
}

/** Makes calls of the HTTP API. A call is one request, which is repeated with jitter if a repeat does no harm. */
export const httpCaller = ({
  maxAttempts = 4,
  clock = systemClock,
  fraction = Math.random,
  ...parts
}: HttpTransportParts): ((call: Call) => Promise<Reply>) => {
  const once = singleTry({ ...parts, clock })
  return async (call) => {
    const startedAt = clock.now()
    // The error of a try whose answer was lost: it may have done its work.
    let ambiguous: HoldfastError | undefined
    for (let attempt = 1; ; attempt++) {
      call.signal?.throwIfAborted()
      const answer = await once(call)
      if (!('error' in answer)) return { ...answer, maybeDone: ambiguous !== undefined }
      const { error, retryAfterMs, wrongTime = false, unsent = false } = answer
      if (wrongTime && attempt < maxAttempts) continue
      if (ambiguous && error.code === call.doneWhen) return { status: 204, json: {} }
      const isLast = unsent || attempt >= maxAttempts || retryAfterMs > MAX_RETRY_AFTER_MS
      if (isLast || !isRepeatable(call, error)) {
        throw lastError(call, error, ambiguous)
      }
      if (error.code !== 'Throttled') ambiguous = error
      await backOff(clock, { attempt, fraction: fraction(), minMs: retryAfterMs, signal: call.signal })
      // The machine may have slept in between.
      if (ambiguous && clock.now() - startedAt > (call.repeatableMs ?? Number.POSITIVE_INFINITY)) throw ambiguous
    }
  }
}

/** If the server asks for a longer wait than this, the call fails, and the caller can try again later. */
const MAX_RETRY_AFTER_MS = 20_000

/**
 * The error that a call ends with. If an earlier try may have done its work, a refusal of the last try must not mean that nothing
 * was done: the caller would do the work again, under another key.
 */
const lastError = (call: Call, last: HoldfastError, ambiguous: HoldfastError | undefined): HoldfastError => {
  if (!ambiguous || call.repeatableMs === undefined || last.code === ambiguous.code) return last
  const message = `an earlier try may have succeeded (${ambiguous.message}), and the last one failed: ${last.message}`
  return new HoldfastError(ambiguous.code, message, last.fields, { cause: last })
}

const isRepeatable = ({ repeat }: Call, { code, retryable }: HoldfastError): boolean =>
  retryable && repeat !== 'never' && (repeat !== 'if-nothing-was-done' || code === 'Throttled')

/** A failed try, and how long the server asks the caller to wait before the next one. */
interface Failure {
  readonly error: HoldfastError
  readonly retryAfterMs: number
  /** Whether the request was refused because its signature's time is wrong. By now the clock's error is known. */
  readonly wrongTime?: boolean
  /** Whether the request could not be signed: another try would most likely fail too, and waits for the source of credentials. */
  readonly unsent?: boolean
}

type TryParts = Pick<HttpTransportParts, 'url' | 'sign' | 'fetch' | 'timeoutMs'> & { readonly clock: Clock }

/** SigV4 accepts a signature whose time is off by up to five minutes. */
const MAX_SKEW_MS = 240_000

const singleTry = ({ url: base, sign, fetch: send = fetch, timeoutMs = DEFAULT_TIMEOUT_MS, clock }: TryParts) => {
  /** How far the server's clock is ahead of this one, as far as it matters. */
  let skewMs = 0
  const isWrongTime = ({ status, headers }: Response): boolean => {
    const ahead = Date.parse(headers.get('date') ?? '') - clock.now()
    if ((status !== 401 && status !== 403) || !(Math.abs(ahead - skewMs) > MAX_SKEW_MS)) return false
    skewMs = ahead
    return true
  }
  return async (call: Call): Promise<Reply | Failure> => {
    const url = addressOf(base, call)
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const unsigned = { ...(body !== undefined && { 'content-type': 'application/json' }), ...call.headers }
    let headers: Readonly<Record<string, string>>
    try {
      const at = new Date(clock.now() + skewMs)
      headers = await sign({ method: call.method, url, headers: unsigned, body, at })
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      return { error, retryAfterMs: 0, unsent: true }
    }
    const timeout = abortAfter(call.timeoutMs ?? timeoutMs)
    try {
      const response = await send(url, {
        method: call.method,
        headers,
        ...(body !== undefined && { body }),
        redirect: 'manual',
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      })
      const text = await textOf(response)
      return { ...replyOf(url, response, text), ...(isWrongTime(response) && { wrongTime: true }) }
    } catch (cause) {
      call.signal?.throwIfAborted()
      const failure = timeout.aborted ? 'did not answer in time' : 'could not be reached, or broke off'
      const error = new HoldfastError('StoreUnavailable', `${url.origin} ${failure}${causeText(cause)}`, {}, { cause })
      return { error, retryAfterMs: 0 }
    }
  }
}

/** `AbortSignal.timeout` throws for a fraction, which the rest of a wait often has. */
const abortAfter = (ms: number): AbortSignal => AbortSignal.timeout(Math.ceil(ms))

/** More than any answer of the API has, so that something that is not the API and does not stop can't fill the memory. */
const MAX_ANSWER_BYTES = 16 * 1_048_576

const textOf = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** The cause of `fetch`'s error "fetch failed", such as ECONNREFUSED. */
const causeText = (error: unknown): string => {
  const { cause } = error as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string' ? ` (${cause.code})` : ''
}

const addressOf = (base: URL, { path, query = {} }: Call): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

const replyOf = (url: URL, { status, headers }: Response, text: string): Reply | Failure => {
  const retryAfterMs = retryAfter(headers.get('retry-after'), headers.get('date'))
  if (status < 200 || status >= 300) return { error: refusalOf(url, status, headers, text), retryAfterMs }
  const json = text === '' ? {} : parsed(text)
  if (json) return { status, json }
  // A proxy answered instead of the server, so it is unknown whether the work was done.
  const message = `${url.origin} answered ${status} without JSON: is that the address of a Holdfast API?${quoted(text)}`
  return { error: new HoldfastError('StoreUnavailable', message), retryAfterMs }
}

const refusalOf = (url: URL, status: number, headers: Headers, text: string): HoldfastError => {
  if (status < 400) {
    const to = headers.get('location')
    const message = `${url.origin} answered ${status}, a redirect${to === null ? '' : ` to ${to}`}: give the client that address`
    return new HoldfastError('InvalidRequest', message, { field: 'url', value: url.origin })
  }
  const json = parsed(text)
  return typeof json?.code === 'string' ? errorFrom({ ...json, status }) : errorOfStatus(url, status, text)
}

/** The wait in `Retry-After`: seconds, or a date by the server's clock, which the answer's own `Date` shows. */
const retryAfter = (value: string | null, date: string | null): number => {
  if (value === null) return 0
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - Date.parse(date ?? '')
  return Math.max(ms || 0, 0)
}

const parsed = (text: string): Wire | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
