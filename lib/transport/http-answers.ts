import { messageNotFound } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import { checkQueueName } from '../model/queue-name.ts'
import { type Call, DEFAULT_TIMEOUT_MS, type HttpTransportParts, type Reply } from './http-call.ts'
import { notHoldfast, type Wire } from './wire-values.ts'

/** What the calls of the HTTP API share. */
export interface HttpCalls {
  readonly parts: HttpTransportParts
  readonly request: (call: Call) => Promise<Reply>
  /** Resolves with the answer's JSON. */
  readonly call: (call: Call) => Promise<Wire>
}

/**
 * Makes a call whose answer is 204 and nothing else.
 *
 * @throws `StoreUnavailable` for another success: a proxy answers any request with a page of its own
 */
export const done = async ({ request }: HttpCalls, call: Call): Promise<void> => {
  if ((await request(call)).status !== 204) throw notHoldfast('the status 204')
}

/** How long to wait for an answer to a request that makes the server wait. The server refuses a value that is out of range. */
export const timeoutOf = ({ timeoutMs = DEFAULT_TIMEOUT_MS }: HttpTransportParts, waitTimeSeconds?: number): number =>
  waitMs(waitTimeSeconds) + timeoutMs

const waitMs = (waitTimeSeconds: number = LIMITS.waitTimeSeconds): number =>
  Math.min(Math.max(waitTimeSeconds, 0) || 0, LIMITS.waitTimeSeconds) * 1_000

/** @throws `StoreUnavailable` for an answer that is not Holdfast's, since the outcome of the request is unknown */
export const listIn = (answer: Wire, name: string, length?: number): unknown[] => {
  const list = answer[name]
  if (Array.isArray(list) && (length === undefined || list.length === length)) return list
  throw notHoldfast(`${length === undefined ? 'a list' : `a list of ${length}`} of ${name}`)
}

/**
 * The path of a queue. Only valid queue names are put into a path: a URL resolves `..`, and the request would be another one.
 *
 * @throws `InvalidRequest`
 */
export const queuePath = (queue: string, rest = ''): string => {
  checkQueueName(queue)
  return `/queues/${encodeURIComponent(queue)}${rest}`
}

const MESSAGE_ID = /^[0-9a-f-]{1,128}$/

/** @throws `MessageNotFound` for a malformed message id */
export const messagePath = (queue: string, messageId: string): string => {
  if (!MESSAGE_ID.test(messageId)) throw messageNotFound(queue, messageId)
  return queuePath(queue, `/messages/${messageId}`)
}
