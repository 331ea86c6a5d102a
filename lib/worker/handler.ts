import type { Received } from '../codecs/read-message.ts'
import { isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'

export interface HandlerContext {
  /**
   * Aborts when the message is no longer this worker's (its reason is a `LeaseLost`), or when the worker stops and the
   * drain time is over.
   */
  readonly signal: AbortSignal
}

export interface BatchContext extends HandlerContext {
  /** Marks one message of the batch as failed; the others are acked. On a FIFO queue the later ones go back as well. */
  fail(message: { readonly receiptHandle: string }, error: unknown): void
  /** Sets the result of one message for its producer, on a queue that keeps results. */
  result(message: { readonly receiptHandle: string }, value: unknown): void
}

/**
 * Works on one message. When it returns, the message is acked, with the returned value as its result where the queue keeps results.
 * When it throws, the message is nacked by the queue's retry policy.
 */
export type Handler<Out> = (message: Received<Out>, context: HandlerContext) => unknown
/** Works on several messages at once. On a FIFO queue all of them are of one group. */
export type BatchHandler<Out> = (messages: readonly Received<Out>[], context: BatchContext) => unknown

export interface ErrorContext {
  readonly queue: string
  readonly during: 'poll' | 'decode' | 'handle' | 'extend' | 'ack' | 'nack' | 'unreceive'
  /** The message concerned, where there is one. */
  readonly message?: Message
}

/** Is called with every failure. */
export type Report = (error: unknown, context: Omit<ErrorContext, 'queue'>) => void

/** A reporter that never throws: an error of its listener becomes a warning of the process. */
export const reporter = (
  queue: string,
  onError: ((error: unknown, context: ErrorContext) => void) | undefined,
): Report => {
  const listener = onError ?? warn
  return (error, context) => {
    try {
      listener(error, { queue, ...context })
    } catch (failure) {
      warn(failure, { queue, ...context })
    }
  }
}

const warn = (error: unknown, { queue, during, message }: ErrorContext): void => {
  const which = message ? `, message ${message.messageId}` : ''
  const text = error instanceof Error ? `${error.name}: ${error.message}${causeOf(error)}` : String(error)
  process.emitWarning(`queue ${queue}, during ${during}${which}: ${text}`, 'HoldfastWarning')
}

/** The cause of an error of the handler's, without which "fetch failed" says little. Holdfast's own errors have it in their message. */
const causeOf = (error: Error): string =>
  isHoldfastError(error) || !(error.cause instanceof Error) ? '' : ` (${error.cause.message})`
