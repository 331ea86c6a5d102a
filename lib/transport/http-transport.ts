import { type Clock, systemClock } from '../clock.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import type { HandleResult, PublishResult } from '../model/message.ts'
import { backOff } from './backoff.ts'
import {
  countsFrom,
  errorFrom,
  errorOfStatus,
  handleResultFrom,
  messageFrom,
  newMessageJson,
  queueFrom,
  storedMessageFrom,
  type Wire,
} from './http-wire.ts'
import type { CallOptions, Transport } from './port.ts'
import type { Sign } from './signer.ts'

export interface HttpTransportParts {
  /** Of the API; a base path is kept. */
  readonly url: URL
  readonly sign: Sign
  /** @default the runtime's own */
  readonly fetch?: typeof fetch
  /** Tries of a request that is safe to repeat, the first included. @default 4 */
  readonly maxAttempts?: number
  /** How long one try may take beyond a poll's wait, ms. @default 10000 */
  readonly timeoutMs?: number
  /** Waits between tries. @default the system's clock */
  readonly clock?: Clock
  readonly fraction?: () => number
}

interface Call extends CallOptions {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** `never`: a poll, whose lost answer may have leased messages. @default whenever the error is retryable */
  readonly repeat?: 'always' | 'never' | 'if-nothing-was-done'
  /** An error that means success when an earlier try may have got through. */
  readonly doneWhen?: HoldfastError['code']
  readonly timeoutMs?: number
}

interface Reply {
  readonly status: number
  readonly json: Wire
}

const MAX_WAIT_SECONDS = 20

/** A queue behind the HTTP API: one request a call, repeated with jitter where a repeat changes nothing. */
export const httpTransport = (parts: HttpTransportParts): Transport => {
  const request = caller(parts)
  const call = async (asked: Call): Promise<Wire> => (await request(asked)).json
  const queuePath = (queue: string, rest = '') => `/queues/${encodeURIComponent(queue)}${rest}`
  const messagePath = (queue: string, messageId: string) =>
    queuePath(queue, `/messages/${encodeURIComponent(messageId)}`)
  const settle = async (queue: string, verb: string, body: object, options?: CallOptions): Promise<HandleResult[]> => {
    const answer = await call({ method: 'POST', path: queuePath(queue, `/${verb}`), body, ...options })
    return (answer.results as Wire[]).map(handleResultFrom)
  }

  return {
    // Behind API Gateway a function does not learn that its caller has left: a poll goes on to its end.
    workerWaitSeconds: 5,
    pollsEndEarly: false,

    createQueue: async (queue, given, options) => {
      const { status, json } = await request({ method: 'PUT', path: queuePath(queue), body: given, ...options })
      return { queue: queueFrom(json), created: status === 201 }
    },
    getQueue: async (queue, options) => queueFrom(await call({ method: 'GET', path: queuePath(queue), ...options })),
    updateQueue: async (queue, given, options) =>
      queueFrom(await call({ method: 'PATCH', path: queuePath(queue), body: given, ...options })),
    deleteQueue: async (queue, options) => {
      await call({ method: 'DELETE', path: queuePath(queue), doneWhen: 'QueueNotFound', ...options })
    },
    purgeQueue: async (queue, options) => {
      await call({
        method: 'POST',
        path: queuePath(queue, '/purge'),
        body: {},
        doneWhen: 'PurgeInProgress',
        ...options,
      })
    },
    listQueues: async (query, options) => {
      const { queues, cursor } = await call({ method: 'GET', path: '/queues', query, ...options })
      return { queues: (queues as Wire[]).map(queueFrom), ...(cursor !== undefined && { cursor: String(cursor) }) }
    },
    counts: async (queue, options) => countsFrom(await call({ method: 'GET', path: queuePath(queue), ...options })),

    publish: async (queue, messages, options) => {
      const answer = await call({
        method: 'POST',
        path: queuePath(queue, '/messages'),
        body: { messages: messages.map(newMessageJson) },
        // A try whose answer was lost may have stored its messages: only deduplication ids keep a repeat from storing them
        // twice. Without them the caller gets the error and decides.
        repeat: messages.every((one) => one.deduplicationId !== undefined) ? 'always' : 'if-nothing-was-done',
        ...options,
      })
      return (answer.messages as Wire[]).map(publishResultFrom)
    },
    poll: async (queue, { signal, ...body }) => {
      const waitMs = (body.waitTimeSeconds ?? MAX_WAIT_SECONDS) * 1_000
      try {
        const answer = await call({
          method: 'POST',
          path: queuePath(queue, '/poll'),
          body,
          signal,
          repeat: 'never',
          timeoutMs: waitMs + (parts.timeoutMs ?? TIMEOUT_MS),
        })
        return (answer.messages as Wire[]).map(messageFrom)
      } catch (error) {
        if (signal?.aborted) return []
        throw error
      }
    },
    ack: (queue, receiptHandles, options) => settle(queue, 'ack', { receiptHandles }, options),
    unreceive: (queue, receiptHandles, options) => settle(queue, 'unreceive', { receiptHandles }, options),
    nack: (queue, entries, options) =>
      inGroups(
        entries,
        ({ receiptHandle: _, ...rest }) => rest,
        (receiptHandles, rest) => settle(queue, 'nack', { receiptHandles, ...rest }, options),
      ),
    extend: (queue, entries, { revive, ...options } = {}) =>
      inGroups(
        entries,
        ({ receiptHandle: _, ...rest }) => ({ ...rest, ...(revive && { revive }) }),
        (receiptHandles, rest) => settle(queue, 'extend', { receiptHandles, ...rest }, options),
      ),

    getMessage: async (queue, messageId, options) =>
      storedMessageFrom(await call({ method: 'GET', path: messagePath(queue, messageId), ...options })),
    browse: async (queue, query, options) => {
      const { messages, cursor } = await call({ method: 'GET', path: queuePath(queue, '/messages'), query, ...options })
      return {
        messages: (messages as Wire[]).map(storedMessageFrom),
        ...(cursor !== undefined && { cursor: String(cursor) }),
      }
    },
    cancelMessage: async (queue, messageId, options) => {
      await call({ method: 'DELETE', path: messagePath(queue, messageId), doneWhen: 'MessageNotFound', ...options })
    },
    rescheduleMessage: async (queue, messageId, when, options) =>
      storedMessageFrom(await call({ method: 'PATCH', path: messagePath(queue, messageId), body: when, ...options })),

    close: async () => {},
  }
}

const TIMEOUT_MS = 10_000

const publishResultFrom = (json: Wire): PublishResult =>
  json.messageId === undefined
    ? { ok: false, error: errorFrom((json.error ?? json.problem) as Wire) }
    : {
        ok: true,
        messageId: String(json.messageId),
        ...(json.sequenceNumber !== undefined && { sequenceNumber: String(json.sequenceNumber) }),
        ...(json.duplicate === true && { duplicate: true }),
      }

/** One request for the entries that ask for the same; results in the order of the entries. */
const inGroups = async <E extends { readonly receiptHandle: string }>(
  entries: readonly E[],
  asked: (entry: E) => object,
  send: (receiptHandles: string[], asked: object) => Promise<HandleResult[]>,
): Promise<HandleResult[]> => {
  const groups = new Map<string, { asked: object; positions: number[] }>()
  for (const [position, entry] of entries.entries()) {
    const key = JSON.stringify(asked(entry))
    const group = groups.get(key) ?? { asked: asked(entry), positions: [] }
    group.positions.push(position)
    groups.set(key, group)
  }
  const results = new Array<HandleResult>(entries.length)
  await Promise.all(
    [...groups.values()].map(async ({ asked: same, positions }) => {
      const answers = await send(
        positions.map((position) => (entries[position] as E).receiptHandle),
        same,
      )
      for (const [index, position] of positions.entries()) results[position] = answers[index] as HandleResult
    }),
  )
  return results
}

const caller = ({
  url: base,
  sign,
  fetch: send = fetch,
  maxAttempts = 4,
  timeoutMs = TIMEOUT_MS,
  clock = systemClock,
  fraction = Math.random,
}: HttpTransportParts) => {
  const once = async (call: Call): Promise<Reply> => {
    const url = addressOf(base, call)
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const request = {
      method: call.method,
      url,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }) },
      body,
    }
    const headers = await sign(request)
    const timeout = AbortSignal.timeout(call.timeoutMs ?? timeoutMs)
    let status: number
    let text: string
    try {
      const response = await send(url, {
        method: call.method,
        headers,
        ...(body !== undefined && { body }),
        redirect: 'error',
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      })
      status = response.status
      text = await response.text()
    } catch (cause) {
      call.signal?.throwIfAborted()
      const why = timeout.aborted ? 'did not answer in time' : 'could not be reached'
      throw new HoldfastError('StoreUnavailable', `${url.origin} ${why}`, {}, { cause })
    }
    const json = parsed(text)
    if (status >= 400) throw json?.code === undefined ? errorOfStatus(status, text) : errorFrom(json)
    if (text !== '' && !json) throw errorOfStatus(502, `no JSON object: ${text}`)
    return { status, json: json ?? {} }
  }

  return async (call: Call): Promise<Reply> => {
    // A try whose answer was lost may have done its work.
    let ambiguous = false
    for (let attempt = 1; ; attempt++) {
      call.signal?.throwIfAborted()
      try {
        return await once(call)
      } catch (error) {
        if (!isHoldfastError(error)) throw error
        if (ambiguous && error.code === call.doneWhen) return { status: 204, json: {} }
        const repeatable = error.retryable && (call.repeat !== 'if-nothing-was-done' || error.code === 'Throttled')
        if (call.repeat === 'never' || !repeatable || attempt >= maxAttempts) throw error
        ambiguous ||= error.code !== 'Throttled'
      }
      await backOff(clock, fraction, attempt, call.signal)
    }
  }
}

const addressOf = (base: URL, { path, query = {} }: Call): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

const parsed = (text: string): Wire | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Wire) : undefined
  } catch {
    return undefined
  }
}
