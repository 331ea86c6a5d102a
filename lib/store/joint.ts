import type { Document } from '../model/document.ts'
import type { HoldfastError } from '../model/errors.ts'
import type { Segment } from '../model/segment.ts'
import type { Write } from './port.ts'

/** Commits the engine's writes and the caller's own entries together, all or none. */
export interface JointCommits {
  /**
   * Whether a transaction may be sent again with its token: the database then does it once, however often it is sent within ten minutes.
   */
  readonly repeatable: boolean
  /** @throws `InvalidRequest`, `MessageTooLarge` for writes that the database refuses: too many, too large, or two on one item */
  prepare(writes: readonly Write[]): PreparedTransaction
  /** Sends once. Every outcome is a result, never a rejection. */
  send(prepared: PreparedTransaction, token: string): Promise<JointOutcome>
}

/** A transaction in the database's form, which stays the same when it is sent again. */
export interface PreparedTransaction {
  readonly writes: readonly Write[]
  /** The actions in the database's form: the engine's writes, then the caller's entries. */
  readonly actions: readonly object[]
  /** Stores content that must exist before the writes. */
  storeContent(): Promise<void>
}

export type JointOutcome =
  | { readonly kind: 'applied' }
  /** Nothing was done, because these actions failed. With `resent` an earlier sending had no answer, and may have been done or may still arrive. */
  | { readonly kind: 'canceled'; readonly failures: readonly ActionFailure[]; readonly resent: boolean }
  /** Nothing was done. */
  | { readonly kind: 'refused'; readonly error: HoldfastError }
  /** It may have been done. */
  | { readonly kind: 'unknown'; readonly error: HoldfastError }

export interface ActionFailure {
  /** The action's position: the engine's writes come first, then the caller's entries. */
  readonly action: number
  readonly cause: 'condition' | 'conflict' | 'throttled' | 'refused'
  /** The database's message. */
  readonly text?: string
  /** The state that a failed condition met: a segment's header, a document, or a ticket's last sequence number. */
  readonly segment?: Segment
  readonly document?: Document
  readonly lastSequence?: string
  /** The item that a condition in the caller's own entries met, in the database's form. */
  readonly item?: object
}
