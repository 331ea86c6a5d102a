import type { App } from './app.ts'
import { isPlainPath } from './plain-path.ts'
import type { Problem } from './problem.ts'

/** A call of one operation of the HTTP API, as `routes.ts` describes it. */
export interface OperationCall {
  readonly method: string
  /** The path, decoded: `/queues/orders/messages`. */
  readonly path: string
  /** Members that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** A JSON value. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the wait of a long poll; the call then throws the signal's reason. */
  readonly signal?: AbortSignal
}

/** The answer of an operation: the JSON that its route gives, or the problem document (RFC 9457). */
export type OperationAnswer =
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  | { readonly ok: false; readonly status: number; readonly problem: Problem }

/**
 * Calls an operation of the HTTP API in this process, without a socket: the checks, the shapes and the problems are those that a
 * client of the API gets. Faults of the request and of the engine are answers.
 *
 * @throws the reason of `signal` if it aborts before the answer
 */
export const callOperation = async (
  app: Pick<App, 'fetch'>,
  { method, path, query = {}, body, headers = {}, signal }: OperationCall,
): Promise<OperationAnswer> => {
  signal?.throwIfAborted()
  const request = new Request(addressOf(path, query), {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  })
  const response = await app.fetch(request, { path })
  signal?.throwIfAborted()
  const text = await response.text()
  const json: unknown = text === '' ? undefined : JSON.parse(text)
  const { status } = response
  return response.ok ? { ok: true, status, body: json } : { ok: false, status, problem: json as Problem }
}

/** A URL needs a host, but no host is contacted. The app refuses a path that is not plain, and never reads it from the URL. */
const addressOf = (path: string, query: NonNullable<OperationCall['query']>): URL => {
  const url = new URL('http://in-process.invalid')
  if (isPlainPath(path)) url.pathname = path
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}
