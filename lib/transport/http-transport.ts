import { randomUUID } from 'node:crypto'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult, NewMessage, PublishResult } from '../model/message.ts'
import { type Call, DEFAULT_TIMEOUT_MS, type HttpTransportParts, httpCaller } from './http-call.ts'
import {
  countsFrom,
  errorFrom,
  handleResultFrom,
  messageFrom,
  newMessageJson,
  queueFrom,
  storedMessageFrom,
  type Wire,
} from './http-wire.ts'
import type { CallOptions, Transport } from './port.ts'

/** A queue behind the HTTP API: each method is one call of it. */
export const httpTransport = (parts: HttpTransportParts): Transport => {
  const { idempotentPublish = true } = parts
  const request = httpCaller(parts)
  const call = async (options: Call): Promise<Wire> => (await request(options)).json
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
        ...(idempotentPublish
          ? { headers: { 'idempotency-key': randomUUID() }, repeatableMs: KEY_TRUSTED_MS }
          : { repeat: repeatWithoutKey(messages) }),
        ...options,
      })
      return (answer.messages as Wire[]).map(publishResultFrom)
    },
    poll: async (queue, { signal, ...body }) => {
      const waitMs = (body.waitTimeSeconds ?? LIMITS.waitTimeSeconds) * 1_000
      try {
        const answer = await call({
          method: 'POST',
          path: queuePath(queue, '/poll'),
          body,
          signal,
          repeat: 'never',
          timeoutMs: waitMs + (parts.timeoutMs ?? DEFAULT_TIMEOUT_MS),
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

/** Half of the time that the server knows a key for: the last repeat must arrive before that is over. */
const KEY_TRUSTED_MS = (LIMITS.idempotencyKeySeconds * 1_000) / 2

/**
 * A try whose answer was lost may have stored its messages: without an idempotency key only deduplication ids keep a
 * repeat from storing them twice. Where there is none the caller gets the error and decides.
 */
const repeatWithoutKey = (messages: readonly NewMessage[]): NonNullable<Call['repeat']> =>
  messages.every(({ deduplicationId }) => deduplicationId !== undefined) ? 'always' : 'if-nothing-was-done'

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
