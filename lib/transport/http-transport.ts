import { randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import { HoldfastError, isHoldfastError, messageNotFound } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import type { HandleResult, NewMessage, PublishResult } from '../model/message.ts'
import { decodeMessageId } from '../model/message-id.ts'
import { checkQueueName } from '../model/queue-name.ts'
import { givenBack, nacked } from './after-lost-answer.ts'
import { endPoll, POLL_HEADER } from './end-poll.ts'
import { type Call, DEFAULT_TIMEOUT_MS, type HttpTransportParts, httpCaller } from './http-call.ts'
import {
  ackJson,
  countsFrom,
  errorFrom,
  failuresJson,
  handleResultFrom,
  messageFrom,
  newMessageJson,
  queueFrom,
  resultAnswerFrom,
  statusFrom,
  storedMessageFrom,
  type Wire,
} from './http-wire.ts'
import { inGroups } from './in-groups.ts'
import type { CallOptions, Transport } from './port.ts'

/** A queue behind the HTTP API: each method is one call of it. */
export const httpTransport = (parts: HttpTransportParts): Transport => {
  const { idempotentPublish = true, clock = systemClock } = parts
  const request = httpCaller(parts)
  const call = async (options: Call): Promise<Wire> => (await request(options)).json
  const settle = async (
    queue: string,
    verb: string,
    { handles, ...how }: { readonly handles: readonly string[] },
    { repeated = unchanged, ...options }: CallOptions & { repeated?: typeof unchanged } = {},
  ): Promise<HandleResult[]> => {
    const body = { receiptHandles: handles, ...how }
    const reply = await request({ method: 'POST', path: queuePath(queue, `/${verb}`), body, ...options })
    const results = listIn(reply.json, 'results', handles.length).map(handleResultFrom)
    return reply.maybeDone ? results.map(repeated) : results
  }

  return {
    // Behind API Gateway a function does not notice that its caller has disconnected, and the poll continues to its end.
    workerWaitSeconds: 5,

    createQueue: async (queue, given, options) => {
      // A new queue has nothing that `null` could remove.
      const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
      const { status, json } = await request({ method: 'PUT', path: queuePath(queue), body, ...options })
      return { queue: queueFrom(json), created: status === 201 }
    },
    getQueue: async (queue, options) => queueFrom(await call({ method: 'GET', path: queuePath(queue), ...options })),
    updateQueue: async (queue, given, options) =>
      queueFrom(await call({ method: 'PATCH', path: queuePath(queue), body: given, ...options })),
    deleteQueue: async (queue, { force, ...options } = {}) => {
      const query = force ? { force: 'true' } : {}
      await call({ method: 'DELETE', path: queuePath(queue), query, doneWhen: 'QueueNotFound', ...options })
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
      const page = await call({ method: 'GET', path: '/queues', query, ...options })
      const { cursor } = page
      return { queues: listIn(page, 'queues').map(queueFrom), ...(cursor !== undefined && { cursor: String(cursor) }) }
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
      return listIn(answer, 'messages', messages.length).map(publishResultFrom)
    },
    poll: async (queue, { signal, ending, ...body }) => {
      const answered = new AbortController()
      const id = randomUUID()
      const end = () => void endPoll({ request, clock }, id, answered.signal)
      if (ending?.aborted) return []
      ending?.addEventListener('abort', end, { once: true })
      try {
        const answer = await call({
          method: 'POST',
          path: queuePath(queue, '/poll'),
          body,
          ...(ending && { headers: { [POLL_HEADER]: id } }),
          signal,
          repeat: 'never',
          timeoutMs: waitMs(body.waitTimeSeconds) + (parts.timeoutMs ?? DEFAULT_TIMEOUT_MS),
        })
        return listIn(answer, 'messages').map(messageFrom)
      } catch (error) {
        if (signal?.aborted) return []
        throw error
      } finally {
        ending?.removeEventListener('abort', end)
        answered.abort()
      }
    },
    ack: (queue, entries, options) => settle(queue, 'ack', ackJson(entries), options),
    unreceive: (queue, receiptHandles, options) =>
      settle(queue, 'unreceive', { handles: receiptHandles }, { ...options, repeated: givenBack }),
    nack: (queue, entries, options) =>
      inGroups(
        entries,
        ({ receiptHandle: _, failure: __, ...rest }) => rest,
        (handles, rest, some) =>
          settle(
            queue,
            'nack',
            { handles, ...rest, ...failuresJson(some) },
            { ...options, repeated: (result) => nacked(rest, result) },
          ),
      ),
    extend: (queue, entries, { revive, ...options } = {}) =>
      inGroups(
        entries,
        ({ receiptHandle: _, ...rest }) => ({ ...rest, ...(revive && { revive }) }),
        (handles, rest) =>
          settle(
            queue,
            'extend',
            { handles, ...rest },
            // An extension to 0 seconds gives the message back.
            { ...options, repeated: rest.visibilityTimeoutSeconds === 0 ? givenBack : unchanged },
          ),
      ),

    getMessage: async (queue, messageId, options) => {
      const json = await call({ method: 'GET', path: messagePath(queue, messageId), ...options })
      // The message is gone, and the answer has only its status.
      if (json.publishedAt === undefined) throw messageNotFound(queue, messageId)
      return storedMessageFrom(json)
    },
    messageStatus: async (queue, messageId, options) => {
      try {
        return statusFrom(
          (await call({ method: 'GET', path: messagePath(queue, messageId), ...options })).status as Wire,
        )
      } catch (error) {
        if (!isHoldfastError(error, 'MessageNotFound') || !isMessageId(queue, messageId)) throw error
        return { state: 'gone' }
      }
    },
    awaitResult: async (queue, messageId, { waitTimeSeconds = 0, signal } = {}) =>
      resultAnswerFrom(
        await call({
          method: 'GET',
          path: `${messagePath(queue, messageId)}/result`,
          query: { waitTimeSeconds },
          signal,
          timeoutMs: waitMs(waitTimeSeconds) + (parts.timeoutMs ?? DEFAULT_TIMEOUT_MS),
        }),
      ),
    browse: async (queue, { states, ...paging }, options) => {
      const query = { ...paging, ...(states && { states: states.join() }) }
      const page = await call({ method: 'GET', path: queuePath(queue, '/messages'), query, ...options })
      const { cursor } = page
      return {
        messages: listIn(page, 'messages').map(storedMessageFrom),
        ...(cursor !== undefined && { cursor: String(cursor) }),
      }
    },
    resendMessage: async (queue, messageId, options) =>
      storedMessageFrom(
        await call({
          method: 'POST',
          path: `${messagePath(queue, messageId)}/resend`,
          body: {},
          repeat: 'if-nothing-was-done',
          ...options,
        }),
      ),
    cancelMessage: async (queue, messageId, options) => {
      await call({ method: 'DELETE', path: messagePath(queue, messageId), doneWhen: 'MessageNotFound', ...options })
    },
    rescheduleMessage: async (queue, messageId, when, options) =>
      storedMessageFrom(await call({ method: 'PATCH', path: messagePath(queue, messageId), body: when, ...options })),

    close: async () => {},
  }
}

const unchanged = (result: HandleResult): HandleResult => result

/** How long a server may wait before it answers. The server refuses a value that is out of range. */
const waitMs = (waitTimeSeconds: number = LIMITS.waitTimeSeconds): number =>
  Math.min(Math.max(waitTimeSeconds, 0) || 0, LIMITS.waitTimeSeconds) * 1_000

/** Half of the time for which the server remembers a key: the last repeat must arrive within that time. */
const KEY_TRUSTED_MS = (LIMITS.idempotencyKeySeconds * 1_000) / 2

/**
 * A try whose answer was lost may have stored its messages. Without an idempotency key, only deduplication ids keep a repeat from
 * storing them twice. If a message has none, the caller gets the error and decides.
 */
const repeatWithoutKey = (messages: readonly NewMessage[]): NonNullable<Call['repeat']> =>
  messages.every(({ deduplicationId }) => deduplicationId !== undefined) ? 'always' : 'if-nothing-was-done'

const isMessageId = (queue: string, messageId: string): boolean =>
  decodeMessageId(messageId, { standard: !queue.endsWith('.fifo') }) !== undefined

/** @throws `StoreUnavailable` for an answer that is not Holdfast's, since the outcome of the request is unknown */
const listIn = (answer: Wire, name: string, length?: number): Wire[] => {
  const list = answer[name]
  if (Array.isArray(list) && (length === undefined || list.length === length)) return list as Wire[]
  const wanted = length === undefined ? 'a list' : `a list of ${length}`
  throw new HoldfastError('StoreUnavailable', `the answer has not ${wanted} of ${name}: is that a Holdfast API?`)
}

/**
 * The path of a queue. Only valid queue names are put into a path: a URL resolves `..`, and the request would be another one.
 *
 * @throws `InvalidRequest`
 */
const queuePath = (queue: string, rest = ''): string => {
  checkQueueName(queue)
  return `/queues/${encodeURIComponent(queue)}${rest}`
}

const MESSAGE_ID = /^[0-9a-f-]{1,128}$/

/** @throws `MessageNotFound` for a malformed message id */
const messagePath = (queue: string, messageId: string): string => {
  if (!MESSAGE_ID.test(messageId)) throw messageNotFound(queue, messageId)
  return queuePath(queue, `/messages/${messageId}`)
}

const publishResultFrom = (json: Wire): PublishResult =>
  json.messageId === undefined
    ? { ok: false, error: errorFrom((json.error ?? json.problem) as Wire) }
    : {
        ok: true,
        messageId: String(json.messageId),
        ...(json.sequenceNumber !== undefined && { sequenceNumber: String(json.sequenceNumber) }),
        ...(json.duplicate === true && { duplicate: true }),
      }
