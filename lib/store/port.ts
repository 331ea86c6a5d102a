import type { Content } from '../model/content.ts'
import type { Document, DocumentKey } from '../model/document.ts'
import type { HoldfastError } from '../model/errors.ts'
import type { JsonValue } from '../model/message.ts'
import type { Segment } from '../model/segment.ts'
import type { Change } from '../model/segment-change.ts'
import type { SegmentKey, SegmentPartition } from '../model/segment-key.ts'
import type { Ticket, TicketAdvance, TicketLock, TicketMark, TicketTouch } from '../model/ticket.ts'

export type { Document, DocumentKey } from '../model/document.ts'

/**
 * What the engine needs of a database. A store keeps segments, whose headers change by conditional writes and whose content
 * never changes; tickets of message groups; and documents, small records with a version.
 *
 * Every write is safe to send again after a lost response: an insert requires absence, and a change requires the state that
 * it was decided on. A failed condition returns the state that it met, by which the caller recognizes its own earlier success.
 *
 * Failures are `HoldfastError`s: `Throttled` (the write was not done; `reason` has the cause), `StoreUnavailable` (the write
 * may have been done), `AccessDenied`, `Internal`.
 */
export interface Store {
  /** Writes a new segment. Returns `exists` when its key is taken, as after a lost response. */
  insert(segment: NewSegment): Promise<'inserted' | 'exists'>

  /** Reads headers, in the order of their keys, without content. Recent writes may be missing unless `consistent`. */
  headers(range: HeaderRange): Promise<HeaderPage>

  /** Makes each change independently: some may succeed while others fail. Returns outcomes in the order of the changes; never rejects. */
  change(changes: readonly Change[]): Promise<ChangeOutcome[]>

  /**
   * Like `change`, and returns the content of each claimed segment, in as few round trips as the store can. `content` is
   * undefined where the store lacks it.
   */
  claim(claims: readonly Claim[]): Promise<ClaimOutcome[]>

  /** Reads whole segments, consistently. Returns `undefined` for one that is not stored. */
  read(keys: readonly SegmentKey[]): Promise<(StoredSegment | undefined)[]>

  /**
   * Like `claim`, but makes all of the claims or none, for messages that must stay in order. A fence is written with them, on
   * condition of its version. Returns `undefined` where a condition failed.
   */
  claimTogether(claims: readonly Claim[], fence?: PutWrite): Promise<readonly ClaimedSegment[] | undefined>

  /** Reads tickets of a queue's groups, in the order of the groups' hashes. Recent writes may be missing unless `consistent`. */
  tickets(range: TicketRange): Promise<TicketPage>
  /**
   * Locks a group unless it is locked, and puts it behind the groups that wait for their turn. Returns the ticket, or
   * `undefined` when the group is locked or has no ticket. A ticket that has this lock already was locked by an earlier
   * call, whose response was lost. The rule for tickets is `applyToTicket`.
   */
  lockTicket(key: TicketKey, lock: TicketLock): Promise<Ticket | undefined>
  /**
   * Sets until when a group is locked, where the group has a ticket that meets the condition of `mark`. Returns whether the
   * lock was set. Infinity locks the group until something is published to it.
   */
  markTicket(key: TicketKey, lockedUntil: number, mark?: TicketMark): Promise<boolean>
  /** Deletes a ticket unless something was published since `lastSequence`. Returns whether the ticket is gone. */
  dropTicket(key: TicketKey, lastSequence: string): Promise<boolean>

  getDocument(key: DocumentKey, options?: { consistent?: boolean }): Promise<Document | undefined>
  /** Reads documents of a partition in the order of their sort keys: those that start with `prefix` and come after `after`. */
  listDocuments(query: DocumentQuery): Promise<readonly Document[]>

  /** Makes all of the writes or none. */
  transact(writes: readonly Write[]): Promise<TransactOutcome>
}

/** A store whose database takes the caller's own writes into one transaction with the engine's. */
export interface TableStore extends Store {
  readonly table: SharedTable
}

export const sharedTableOf = (store: Store): SharedTable | undefined => (store as Partial<TableStore>).table

/** What a transaction with the caller's own writes needs of a table. Values of type `unknown` are in the database's form. */
export interface SharedTable {
  readonly name: string
  /** The client with which the store calls the database. */
  readonly client: unknown
  /** The actions of the database's transaction that make the writes: one for each write, in order. */
  actions(writes: readonly Write[]): TableActions
}

interface TableActions {
  readonly actions: readonly object[]
  /** Stores the content that the actions have no room for, before the actions are sent. TTL deletes it if they never are. */
  storeContent(): Promise<void>
}

export interface NewSegment {
  readonly segment: Segment
  readonly content: Content
}

export interface StoredSegment {
  readonly segment: Segment
  /** Undefined where it was never stored, has expired, or can't be read. */
  readonly content: Content | undefined
  /** Why the segment can't be read, where that is so: it is damaged, or in a form that this version does not know. */
  readonly unreadable?: string
}

export interface HeaderRange {
  readonly partition: SegmentPartition
  /** Sort keys; both ends are included. */
  readonly from: string
  readonly to: string
  /** The read returns at most this many headers. */
  readonly limit: number
  readonly consistent?: boolean
}

export interface HeaderPage {
  readonly segments: readonly Segment[]
  /** Whether the range may have headers behind the last one of the page. */
  readonly more: boolean
}

export interface Claim {
  readonly change: Change
  /** The segment that the claim was decided on. */
  readonly segment: Segment
}

export type ChangeOutcome = { readonly applied: true; readonly segment: Segment | undefined } | ChangeFailure
export type ClaimOutcome =
  | {
      readonly applied: true
      readonly segment: Segment
      readonly content: Content | undefined
      /** Why the content can't be read, where that is so. */
      readonly unreadable?: string
    }
  | ChangeFailure
export interface ChangeFailure {
  readonly applied: false
  /** The segment that the condition met; `undefined` when there is none. */
  readonly segment: Segment | undefined
  /** The store's error, where it did not evaluate the condition. The write may have been done, and `segment` says nothing. */
  readonly error?: HoldfastError
}

export interface DocumentQuery {
  readonly partition: string
  readonly prefix?: string
  readonly after?: string
  readonly limit: number
  readonly consistent?: boolean
}

export type Write =
  | { readonly kind: 'insert'; readonly insert: NewSegment }
  | { readonly kind: 'change'; readonly change: Change }
  | PutWrite
  | { readonly kind: 'delete'; readonly key: DocumentKey; readonly ifVersion?: number }
  /** Changes nothing. Requires that a document has the version with which it was read. */
  | { readonly kind: 'check'; readonly key: DocumentKey; readonly ifVersion: number }
  /** Gives out sequence numbers. Requires that no number from `from` on was given out. Creates the ticket where there is none. */
  | ({ readonly kind: 'advance'; readonly key: TicketKey } & TicketAdvance)
  /** Opens the ticket of a group of a standard queue, which has a new message. Creates the ticket where there is none. */
  | ({ readonly kind: 'touch'; readonly key: TicketKey } & TicketTouch)

export interface PutWrite {
  readonly kind: 'put'
  readonly key: DocumentKey
  readonly value: JsonValue
  /** Epoch ms. @default never */
  readonly expiresAt?: number
  /** The version that the stored document must have; 0 where none may be stored. @default no condition */
  readonly ifVersion?: number
  /**
   * The version of a document that replaces none. Where a document expires and others may know its version for longer, one that no
   * document under the key had before, or they would take the next document for the one that they know. @default 1
   */
  readonly firstVersion?: number
}

export type TransactOutcome =
  | { readonly applied: true }
  | { readonly applied: false; readonly failures: readonly WriteFailure[] }

/** A write whose condition did not hold, with the state that it met: a document, or a ticket's last sequence number. */
export interface WriteFailure {
  /** The write's position in the transaction. */
  readonly write: number
  readonly document?: Document
  readonly lastSequence?: string
}

export type ClaimedSegment = StoredSegment

/** A ticket's key. */
export interface TicketKey {
  /** The shard of the queue, or any group in the shard. */
  readonly partition: SegmentPartition
  /** The group's hash. */
  readonly group: string
}
export interface TicketRange {
  readonly partition: SegmentPartition
  /** Hashes of groups; both ends are included. */
  readonly from: string
  readonly to: string
  readonly limit: number
  readonly consistent?: boolean
}
export interface TicketPage {
  readonly tickets: readonly Ticket[]
  readonly more: boolean
}
