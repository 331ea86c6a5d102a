import type { Clock } from '../clock.ts'
import type { Codec } from '../codecs/codec.ts'
import { HoldfastError, isHoldfastError } from '../model/errors.ts'
import { type FieldNames, knownFields } from '../model/known-fields.ts'
import { LIMITS } from '../model/limits.ts'
import { isFinal, type MessageStatus } from '../model/message-status.ts'
import { checkNumber } from '../model/number-checks.ts'
import type { Failure, ResultAnswer } from '../model/result.ts'
import { backOff } from '../transport/backoff.ts'
import type { CallOptions, Transport } from '../transport/port.ts'

export interface ResultOptions extends CallOptions {
  /** How long to wait, seconds, 0 … 604800. @default 30 */
  readonly timeoutSeconds?: number
}

/** What a producer can ask about its messages by their ids, in the process that published them or in another. */
export interface Awaiting {
  /**
   * Waits for the result of a message, on a queue that keeps results; `undefined` when its consumer gave none.
   *
   * @throws `MessageFailed` (the consumer's failure is its `cause`), `MessageGone` (cancelled, expired, purged, or acked without a
   *   stored result), `ResultNotStored`, `TimedOut`; each has the message's status in `fields.status`
   */
  result<R = unknown>(messageId: string, options?: ResultOptions): Promise<R>
  /** The status of a message: what it is doing, or what became of it. */
  status(messageId: string, options?: CallOptions): Promise<MessageStatus>
}

export interface AwaitingParts {
  readonly transport: Pick<Transport, 'awaitResult' | 'messageStatus'>
  readonly name: string
  readonly codec: Codec<unknown>
  readonly clock: Clock
}

const DEFAULT_TIMEOUT_SECONDS = 30
const RESULT_FIELDS: FieldNames<ResultOptions> = { timeoutSeconds: true, signal: true }

export const awaiting = (parts: AwaitingParts): Awaiting => ({
  result: async <R>(messageId: string, options: ResultOptions = {}) => {
    const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, signal } = knownFields(options, RESULT_FIELDS)
    checkNumber('timeoutSeconds', timeoutSeconds, 0, LIMITS.visibilityTimeoutSeconds)
    signal?.throwIfAborted()
    const answer = await answerInTime(parts, messageId, timeoutSeconds * 1_000, signal)
    return resultOf<R>(parts.name, messageId, parts.codec, answer)
  },
  status: (messageId, options) => parts.transport.messageStatus(parts.name, messageId, options),
})

/** Waits for the final answer. The wait ends in time even when a request hangs. @throws `TimedOut` */
const answerInTime = async (
  parts: AwaitingParts,
  messageId: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<ResultAnswer> => {
  const { clock, name } = parts
  const over = new AbortController()
  const ends = signal ? AbortSignal.any([signal, over.signal]) : over.signal
  const wait: Wait = { messageId, deadline: clock.now() + timeoutMs, signal: ends, seen: {} }
  const late = clock.sleep(timeoutMs + GRACE_MS, ends).then(() => {
    signal?.throwIfAborted()
    throw timedOut(name, messageId, wait.seen)
  })
  late.catch(() => {})
  const asking = finalAnswer(parts, wait)
  asking.catch(() => {})
  try {
    return await Promise.race([asking, late])
  } finally {
    over.abort()
  }
}

interface Wait {
  readonly messageId: string
  /** By the clock of the parts. */
  readonly deadline: number
  readonly signal: AbortSignal
  readonly seen: Seen
}

/** Repeats the request until the answer is final. A request that fails for a passing reason is repeated too. */
const finalAnswer = async (
  { transport, name, clock }: AwaitingParts,
  { messageId, deadline, signal, seen }: Wait,
): Promise<ResultAnswer> => {
  for (let failures = 0; ; ) {
    const left = deadline - clock.now()
    const waitTimeSeconds = Math.min(LIMITS.waitTimeSeconds, Math.max(0, left / 1_000))
    try {
      const answer = await transport.awaitResult(name, messageId, { waitTimeSeconds, signal })
      seen.status = answer.status
      if (isFinal(answer.status)) return answer
      failures = 0
    } catch (error) {
      if (!isHoldfastError(error) || !error.retryable) throw error
      seen.error = error
      await backOff(clock, { attempt: ++failures, fraction: Math.random(), signal })
    }
    if (clock.now() >= deadline) throw timedOut(name, messageId, seen)
  }
}

/** How long after the end of the wait the last answer may still arrive. */
const GRACE_MS = 250

interface Seen {
  status?: MessageStatus
  error?: HoldfastError
}

const resultOf = <R>(queue: string, messageId: string, codec: Codec<unknown>, answer: ResultAnswer): R => {
  const { status, result, failure, unstored } = answer
  const about = `message ${messageId}`
  switch (status.state) {
    case 'done':
      if (unstored === undefined) return (result === undefined ? undefined : codec.decode(result)) as R
      throw new HoldfastError('ResultNotStored', `the work on ${about} is done, but ${unstored}`, { queue, status })
    case 'failed':
    case 'deadLettered': {
      const where = status.state === 'failed' ? 'failed' : `is in the dead-letter queue ${status.queue}`
      const why = failure
        ? `${failure.name}: ${failure.message}`
        : 'reason' in status
          ? status.reason
          : 'no reason given'
      const cause = failure && { cause: asError(failure) }
      throw new HoldfastError('MessageFailed', `${about} ${where}: ${why}`, { queue, status }, cause)
    }
    case 'cancelled':
      throw new HoldfastError('MessageGone', `${about} was cancelled`, { queue, status })
    default: {
      const why =
        'reason' in status && status.reason ? GONE[status.reason] : 'is gone, and nothing tells what became of it'
      throw new HoldfastError('MessageGone', `${about} ${why}`, { queue, status })
    }
  }
}

const GONE = { expired: 'expired', purged: 'was purged with its queue', moved: 'was moved to another queue' } as const

/** The consumer's failure as an error, with what was stored of it. */
const asError = ({ name, message, stack }: Failure): Error => {
  const error = new Error(message)
  error.name = name
  if (stack !== undefined) error.stack = stack
  return error
}

const timedOut = (queue: string, messageId: string, { status, error }: Seen): HoldfastError =>
  new HoldfastError(
    'TimedOut',
    `there was no result of message ${messageId} in time${status ? `: it is ${status.state}` : ''}`,
    { queue, ...(status && { status }) },
    error && { cause: error },
  )
