import { randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import { LIMITS } from '../model/limits.ts'
import type { NewMessage } from '../model/message.ts'
import { endPoll, POLL_HEADER } from './end-poll.ts'
import { type HttpCalls, listIn, queuePath, timeoutOf } from './http-answers.ts'
import { type Call, type HttpTransportParts, httpCaller } from './http-call.ts'
import { messageCalls } from './http-messages.ts'
import { queueCalls } from './http-queues.ts'
import { settlingCalls } from './http-settling.ts'
import { messageFrom, newMessageJson, publishResultFrom } from './http-wire.ts'
import type { Transport } from './port.ts'

/** A queue behind the HTTP API: each method is one call of it. */
export const httpTransport = (parts: HttpTransportParts): Transport => {
  const request = httpCaller(parts)
  const calls: HttpCalls = { parts, request, call: async (options) => (await request(options)).json }
  return {
    // Behind API Gateway a function does not notice that its caller has disconnected, and the poll continues to its end.
    workerWaitSeconds: 5,
    ...queueCalls(calls),
    ...deliveryCalls(calls),
    ...settlingCalls(calls),
    ...messageCalls(calls),
    close: async () => {},
  }
}

const deliveryCalls = ({ parts, request, call }: HttpCalls): Pick<Transport, 'publish' | 'poll'> => ({
  publish: async (queue, messages, options) => {
    const answer = await call({
      method: 'POST',
      path: queuePath(queue, '/messages'),
      body: { messages: messages.map(newMessageJson) },
      ...((parts.idempotentPublish ?? true)
        ? { headers: { 'idempotency-key': randomUUID() }, repeatableMs: KEY_TRUSTED_MS }
        : { repeat: repeatWithoutKey(messages) }),
      ...options,
    })
    return listIn(answer, 'messages', messages.length).map(publishResultFrom)
  },
  poll: async (queue, { signal, ending, ...body }) => {
    const answered = new AbortController()
    const id = randomUUID()
    const end = () => void endPoll({ request, clock: parts.clock ?? systemClock }, id, answered.signal)
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
        timeoutMs: timeoutOf(parts, body.waitTimeSeconds),
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
})

/** Half of the time for which the server remembers a key: the last repeat must arrive within that time. */
const KEY_TRUSTED_MS = (LIMITS.idempotencyKeySeconds * 1_000) / 2

/**
 * A try whose answer was lost may have stored its messages. Without an idempotency key, only deduplication ids keep a repeat from
 * storing them twice. If a message has none, the caller gets the error and decides.
 */
const repeatWithoutKey = (messages: readonly NewMessage[]): NonNullable<Call['repeat']> =>
  messages.every(({ deduplicationId }) => deduplicationId !== undefined) ? 'always' : 'if-nothing-was-done'
