import type { PublishResult } from '../../lib/model/message.ts'

/**
 * The requests of clients and the answers, with the instants of both, for a checker that shares no code with the engine.
 * `docs/simulation.md` describes the lines.
 */
export interface OperationLog {
  /**
   * An operation begins, when the client's own clock shows `clock`: by default the true instant. The returned function takes the answer;
   * without an answer the outcome is unknown.
   */
  asked(client: string, question: Question, clock?: number): (answer: Answer) => void
  /** A message may be stored twice from now on, because a write was sent twice: delivery is at least once. */
  storedAgain(messageId: string): void
}

/** A request. `queue` is the queue of the receipt handles. */
export type Question =
  | {
      readonly op: 'publish'
      readonly queue: string
      readonly key?: string | undefined
      readonly messages: readonly AskedMessage[]
    }
  | { readonly op: 'poll'; readonly queue: string; readonly leaseMs: number }
  | {
      readonly op: 'ack' | 'nack' | 'extend' | 'unreceive'
      readonly queue: string
      readonly held: readonly HeldMessage[]
      /** Length of the new lease, or the time until the message can be received again. */
      readonly seconds?: number
      /** Whether an outdated handle is answered with success too, as SQS does. */
      readonly silent?: true
    }
  | { readonly op: 'cancel'; readonly queue: string; readonly id: string }
  | { readonly op: 'reschedule'; readonly queue: string; readonly id: string; readonly seconds: number }

export interface AskedMessage {
  readonly body: string
  readonly group?: string | undefined
  readonly deduplicationId?: string | undefined
  readonly delaySeconds?: number | undefined
  readonly timeToLiveSeconds?: number | undefined
}

interface HeldMessage {
  readonly id: string
  readonly handle: string
}

/** `results` has one entry for each message: `ok`, or the code of an error. */
export interface Answer {
  readonly results?: readonly string[]
  /** The ids and sequence numbers in the answer to a publish; null for a message without them. */
  readonly stored?: readonly ({ readonly id: string; readonly sequence?: string | undefined } | null)[]
  /** Whether there is no answer because the server was killed: an operation that was not done by then is never done. */
  readonly ended?: true
  /** What a poll receives. */
  readonly received?: readonly ReceivedMessage[]
}

export interface ReceivedMessage extends HeldMessage {
  readonly body: string
  readonly group?: string | undefined
  readonly sequence?: string | undefined
  readonly count: number
  /** Epoch ms, of the clock that dated the lease. */
  readonly until: number
}

/** One line of the log. Instants are of the one true clock, except `clock`, which is of the client's own clock. */
export type Operation =
  | ({ readonly client: string; readonly call: number; readonly clock: number; return?: number } & Question & Answer)
  | { readonly op: 'stored again'; readonly id: string; readonly call: number }

export const NO_OPERATIONS: OperationLog = { asked: () => () => {}, storedAgain: () => {} }

export const newOperationLog = (now: () => number): OperationLog & { readonly operations: readonly Operation[] } => {
  const operations: Operation[] = []
  return {
    operations,
    asked: (client, question, clock) => {
      const call = now()
      const operation = { client, call: Math.floor(call), clock: clock ?? Math.floor(call), ...question }
      operations.push(operation)
      return (answer) => void Object.assign(operation, answer, { return: Math.ceil(now()) })
    },
    storedAgain: (id) => void operations.push({ op: 'stored again', id, call: now() }),
  }
}

/** The answer to a publish. */
export const publishAnswer = (results: readonly PublishResult[]): Answer => ({
  results: results.map((one) => (one.ok ? 'ok' : one.error.code)),
  stored: results.map((one) => (one.ok ? { id: one.messageId, sequence: one.sequenceNumber } : null)),
})
