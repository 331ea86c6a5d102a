import type { Message } from '../model/message.ts'
import type { FilteredRecord } from './filter/filter.ts'
import type { Trigger } from './trigger.ts'

/** Runs functions for the dispatcher. */
export interface Invoker {
  /**
   * Runs the trigger's function once on these messages. It never tries again, and never rejects: when it can't find out whether the
   * function ran, the outcome is `unknown`.
   */
  invoke(trigger: Trigger, messages: readonly Message[]): Promise<InvokeOutcome>
  /**
   * How many of the first messages fit into one event; 0 when the first message alone is too large.
   */
  fitting(trigger: Trigger, messages: readonly Message[]): Promise<number>
  /**
   * Whether there is memory for one more event of the largest size beside those under way; always while there is none.
   * @default there is
   */
  hasMemory?(): boolean
  /** The records of the event for these messages, in order. The trigger's filter is applied to them. */
  records(trigger: Trigger, messages: readonly Message[]): Promise<readonly FilteredRecord[]>
}

export type InvokeOutcome =
  /** The function ran and answered. `failed` has the ids of the messages that it named as failed. */
  | { readonly kind: 'answered'; readonly failed: ReadonlySet<string> }
  /** The function ran and failed as a whole, or its answer named a message that is not in the batch. */
  | { readonly kind: 'failed'; readonly error: string }
  /** The function certainly did not run: it was throttled, denied, absent, or refused before it started. */
  | { readonly kind: 'not-run'; readonly reason: 'throttled' | 'refused'; readonly error: string }
  /** It is unknown whether the function ran, because an answer was lost. */
  | { readonly kind: 'unknown'; readonly error: string }

/** An event of a trigger that operators count. */
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
  /** A message is too large for an event. It was moved to the dead-letter queue, or left if there is none. */
  | { readonly type: 'message-too-large'; readonly messageId: string; readonly moved: boolean }
  /** Messages that matched no pattern of the filter were deleted, or moved to a queue. */
  | { readonly type: 'unmatched'; readonly messages: number; readonly movedTo?: string }
  /** Messages matched no pattern, and the queue for them did not take them: they were nacked, and come again. */
  | { readonly type: 'unmatched-kept'; readonly messages: number; readonly target: string; readonly error: unknown }
  /** The filter could not judge a message: the function gets it. */
  | { readonly type: 'filter-failed'; readonly messageId: string; readonly error: unknown }
  /** The function worked on a message that was no longer this run's. */
  | { readonly type: 'lease-lost'; readonly messages: number }
  /** Another run has taken over, because this one was paused for longer than its mark lasts. */
  | { readonly type: 'mark-lost' }
  | { readonly type: 'settling-failed'; readonly error: unknown }
  /** A run could not be started; the next tick tries again. */
  | { readonly type: 'start-failed'; readonly error: unknown }
  /** The store failed for a passing reason. The run continues. */
  | { readonly type: 'store-failed'; readonly error: unknown }
)
