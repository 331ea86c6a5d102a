import type { Document } from '../model/document.ts'
import type { HoldfastError } from '../model/errors.ts'
import type { Segment } from '../model/segment.ts'
import type { Write } from './port.ts'

/** How a transaction is committed: the engine's writes, and with them entries of the caller's own, all or none. */
export interface JointCommits {
  /**
   * Whether an attempt may be sent again under its token: within ten minutes all sendings of one token together are one.
   */
  readonly repeatable: boolean
  /** @throws `InvalidRequest`, `MessageTooLarge` for what no transaction can take: too much, or two actions on one item */
  prepare(writes: readonly Write[]): PreparedTransaction
  /** Sends once. Never rejects for what became of it. */
  send(prepared: PreparedTransaction, token: string): Promise<JointOutcome>
}

/** A transaction as it is sent, once or again. */
export interface PreparedTransaction {
  readonly writes: readonly Write[]
  /** In the database's form, with the caller's entries behind the engine's writes. */
  readonly actions: readonly object[]
  /** Stores what must be there before the writes. */
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
  /** Place among the engine's writes, and behind them the caller's entries. */
  readonly action: number
  readonly cause: 'condition' | 'conflict' | 'throttled' | 'refused'
  /** The database's own words. */
  readonly text?: string
  /** What a condition met: a segment's header, a document, a ticket's last number. */
  readonly segment?: Segment
  readonly document?: Document
  readonly lastSequence?: string
  /** What a condition of the caller's met, in the database's form. */
  readonly item?: object
}
