import { type Clock, systemClock } from '../clock.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { backOff } from './backoff.ts'
import { errorFrom, errorOfStatus, type Wire } from './http-wire.ts'
import type { CallOptions } from './port.ts'
import type { Sign } from './signer.ts'

export interface HttpTransportParts {
  /** Address of the API; a base path is kept. */
  readonly url: URL
  readonly sign: Sign
  /** @default the runtime's own */
  readonly fetch?: typeof fetch
  /**
   * Whether publishes bear an idempotency key, so that one whose answer was lost can be repeated and is stored once.
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
  /** Where a call repeated too late would do its work again: how long after the first try it may be repeated, ms. */
  readonly repeatableMs?: number
  /** @default the transport's */
  readonly timeoutMs?: number
}

export interface Reply {
  readonly status: number
  readonly json: Wire
}

/** Makes calls of the HTTP API: a call is one request, repeated with jitter where a repeat changes nothing. */
export const httpCaller = ({
  maxAttempts = 4,
  clock = systemClock,
  fraction = Math.random,
  ...parts
}: HttpTransportParts): ((call: Call) => Promise<Reply>) => {
  const once = singleTry(parts)
  return async (call) => {
    const startedAt = clock.now()
    // A try whose answer was lost, which may have done its work.
    let ambiguous: HoldfastError | undefined
    for (let attempt = 1; ; attempt++) {
      call.signal?.throwIfAborted()
      try {
        return await once(call)
      } catch (error) {
        if (!isHoldfastError(error)) throw error
        if (ambiguous && error.code === call.doneWhen) return { status: 204, json: {} }
        if (attempt >= maxAttempts || !isRepeatable(call, error)) throw lastError(call, error, ambiguous)
        if (error.code !== 'Throttled') ambiguous = error
        await backOff(clock, fraction, attempt, call.signal)
        // A laptop may have slept in between.
        if (ambiguous && clock.now() - startedAt > (call.repeatableMs ?? Number.POSITIVE_INFINITY)) throw ambiguous
      }
    }
  }
}

/**
 * The error that a call ends with. Where a try may have done its work, a refusal of the last one must not say that
 * nothing was done: the caller would do it again, under another key.
 */
const lastError = (call: Call, last: HoldfastError, ambiguous: HoldfastError | undefined): HoldfastError => {
  if (!ambiguous || call.repeatableMs === undefined || last.code === ambiguous.code) return last
  const message = `an earlier try may have succeeded (${ambiguous.message}), and the last one failed: ${last.message}`
  return new HoldfastError(ambiguous.code, message, last.fields, { cause: last })
}

const isRepeatable = ({ repeat }: Call, { code, retryable }: HoldfastError): boolean =>
  retryable && repeat !== 'never' && (repeat !== 'if-nothing-was-done' || code === 'Throttled')

type TryParts = Pick<HttpTransportParts, 'url' | 'sign' | 'fetch' | 'timeoutMs'>

const singleTry =
  ({ url: base, sign, fetch: send = fetch, timeoutMs = DEFAULT_TIMEOUT_MS }: TryParts) =>
  async (call: Call): Promise<Reply> => {
    const url = addressOf(base, call)
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const headers = await sign({
      method: call.method,
      url,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...call.headers },
      body,
    })
    const timeout = AbortSignal.timeout(call.timeoutMs ?? timeoutMs)
    try {
      const response = await send(url, {
        method: call.method,
        headers,
        ...(body !== undefined && { body }),
        redirect: 'error',
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      })
      return replyOf(response.status, await response.text())
    } catch (cause) {
      if (isHoldfastError(cause)) throw cause
      call.signal?.throwIfAborted()
      const failure = timeout.aborted ? 'did not answer in time' : 'could not be reached'
      throw new HoldfastError('StoreUnavailable', `${url.origin} ${failure}`, {}, { cause })
    }
  }

const addressOf = (base: URL, { path, query = {} }: Call): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

const replyOf = (status: number, text: string): Reply => {
  const json = parsed(text)
  if (status >= 400) throw json?.code === undefined ? errorOfStatus(status, text) : errorFrom(json)
  if (text !== '' && !json) throw errorOfStatus(502, `no JSON object: ${text}`)
  return { status, json: json ?? {} }
}

const parsed = (text: string): Wire | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Wire) : undefined
  } catch {
    return undefined
  }
}
