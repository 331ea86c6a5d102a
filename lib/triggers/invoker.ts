import type { Message } from '../model/message.ts'
import type { FilteredRecord } from './filter/filter.ts'
import type { Trigger } from './trigger.ts'

/** What the dispatcher needs of whatever runs functions. */
export interface Invoker {
  /**
   * Runs the trigger's function once on these messages. Never tries again, and never rejects: what it doesn't know it
   * says is unknown.
   */
  invoke(trigger: Trigger, messages: readonly Message[]): Promise<InvokeOutcome>
  /**
   * How many messages from the front fit in one event, by its size; 0 when the first is too large alone.
   */
  fitting(trigger: Trigger, messages: readonly Message[]): Promise<number>
  /**
   * Whether there is memory for one more event of the largest size beside those under way; always while there is none.
   * @default there is
   */
  hasRoom?(): boolean
  /** The records that would bring these messages, in order: what the trigger's filter looks at. */
  records(trigger: Trigger, messages: readonly Message[]): Promise<readonly FilteredRecord[]>
}

export type InvokeOutcome =
  /** The function ran and answered: the messages it named as failed, by id, in the order of the batch. */
  | { readonly kind: 'answered'; readonly failed: ReadonlySet<string> }
  /** It ran and failed as a whole, or answered what names no message of the batch. */
  | { readonly kind: 'failed'; readonly error: string }
  /** It surely did not run: throttled, denied, absent, or refused before it started. */
  | { readonly kind: 'not-run'; readonly reason: 'throttled' | 'refused'; readonly error: string }
  /** Whether it ran is not known: an answer was lost. */
  | { readonly kind: 'unknown'; readonly error: string }

/** Something of a trigger that operators count. */
export type TriggerEvent = { readonly queue: string } & (
  | { readonly type: 'invoked'; readonly messages: number; readonly failed: number; readonly durationMs: number }
  | { readonly type: 'function-failed'; readonly messages: number; readonly error: string }
  | {
      readonly type: 'not-run'
      readonly reason: 'throttled' | 'refused'
      readonly error: string
      readonly retryInMs: number
    }
  | { readonly type: 'outcome-unknown'; readonly messages: number; readonly error: string }
  /** Alone larger than an event may be: moved to the dead-letter queue, or left where there is none. */
  | { readonly type: 'message-too-large'; readonly messageId: string; readonly moved: boolean }
  /** They matched no pattern of the filter, and were deleted, or moved to a queue. */
  | { readonly type: 'unmatched'; readonly messages: number; readonly movedTo?: string }
  /** They matched no pattern, and the queue for such messages took none: they were nacked, and come again. */
  | { readonly type: 'unmatched-kept'; readonly messages: number; readonly target: string; readonly error: unknown }
  /** The filter could not judge a message: the function gets it. */
  | { readonly type: 'filter-failed'; readonly messageId: string; readonly error: unknown }
  /** The function worked on a message that was no longer this run's. */
  | { readonly type: 'lease-lost'; readonly messages: number }
  /** Another run has taken over: this one was away for longer than its mark lasts. */
  | { readonly type: 'mark-lost' }
  | { readonly type: 'settling-failed'; readonly error: unknown }
  /** A run could not be started; the next tick tries again. */
  | { readonly type: 'start-failed'; readonly error: unknown }
  /** The store failed for the moment; the run goes on. */
  | { readonly type: 'store-failed'; readonly error: unknown }
)
