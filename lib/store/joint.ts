import type { Document } from '../model/document.ts'
import type { HoldfastError } from '../model/errors.ts'
import type { Segment } from '../model/segment.ts'
import type { Write } from './port.ts'

/** How a transaction is committed: the engine's writes, and with them entries of the caller's own, all or none. */
export interface JointCommits {
  /**
   * Whether an attempt may be sent again under its token: the database then does all sendings within ten minutes once.
   */
  readonly repeatable: boolean
  /** @throws `InvalidRequest`, `MessageTooLarge` for writes that no transaction takes: too many, too large, or two on one item */
  prepare(writes: readonly Write[]): PreparedTransaction
  /** Sends once. Every outcome is a result, never a rejection. */
  send(prepared: PreparedTransaction, token: string): Promise<JointOutcome>
}

/** A transaction in the form in which it is sent, the first time and again. */
export interface PreparedTransaction {
  readonly writes: readonly Write[]
  /** The actions in the database's form: the engine's writes, then the caller's entries. */
  readonly actions: readonly object[]
  /** Stores content that must exist before the writes. */
  storeContent(): Promise<void>
}

export type JointOutcome =
  | { readonly kind: 'applied' }
  /** Nothing was done, because of these actions. */
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
  /** What a failed condition met: a segment's header, a document, or a ticket's last number. */
  readonly segment?: Segment
  readonly document?: Document
  readonly lastSequence?: string
  /** The item that a condition of the caller's own met, in the database's form. */
  readonly item?: object
}
