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
 * What the engine needs of a database. Two kinds of things are kept: segments, whose headers change by conditional
 * writes and whose content never changes, and documents, small records with a version.
 *
 * Every write is safe to send again after a lost response: an insert requires absence, and a change requires the state that it was
 * decided on. A failed condition returns what it met, so that the caller recognizes its own earlier success.
 *
 * Failures are `HoldfastError`s: `Throttled` (nothing was done; its `reason` says why), `StoreUnavailable` (it may have been done),
 * `AccessDenied`, `Internal`.
 */
export interface Store {
  /** Writes a new segment. `exists` when its key is taken, as after a lost response. */
  insert(segment: NewSegment): Promise<'inserted' | 'exists'>

  /** Headers in key order, without content. May lag behind recent writes unless `consistent`. */
  headers(range: HeaderRange): Promise<HeaderPage>

  /** Makes each change independently: some may succeed while others fail. Outcomes in the order of the changes; never rejects. */
  change(changes: readonly Change[]): Promise<ChangeOutcome[]>

  /**
   * Like `change`, with the content of each segment that was claimed, in as few round trips as the store has.
   * `content` is absent when it is missing in the store.
   */
  claim(claims: readonly Claim[]): Promise<ClaimOutcome[]>

  /** Whole segments, as they are now; absent ones are `undefined`. */
  read(keys: readonly SegmentKey[]): Promise<(StoredSegment | undefined)[]>

  /**
   * Like `claim`, but all of the claims or none: for messages that must stay
   * in order. With a fence that is written too, on condition of its version.
   */
  claimTogether(claims: readonly Claim[], fence?: PutWrite): Promise<readonly ClaimedSegment[] | undefined>

  /** Tickets of a queue's groups, by the groups' hashes. May lag behind recent writes unless `consistent`. */
  tickets(range: TicketRange): Promise<TicketPage>
  /**
   * Locks a group unless it is locked, and puts it at the end of the groups that wait for their turn. Returns the ticket, or nothing
   * when it is locked or gone. A ticket with the same lock was locked by an earlier try, whose response was lost. The rule for
   * tickets is `applyToTicket`.
   */
  lockTicket(key: TicketKey, lock: TicketLock): Promise<Ticket | undefined>
  /**
   * Sets until when a group is locked, where its ticket is stored and meets the condition. Returns whether it did. Infinity is until
   * something is published.
   */
  markTicket(key: TicketKey, lockedUntil: number, mark?: TicketMark): Promise<boolean>
  /** Deletes a ticket unless something was published since `lastSequence`. Returns whether it is gone. */
  dropTicket(key: TicketKey, lastSequence: string): Promise<boolean>

  getDocument(key: DocumentKey, options?: { consistent?: boolean }): Promise<Document | undefined>
  /** Documents of a partition whose sort key starts with `prefix`, in order, after `after`. */
  listDocuments(query: DocumentQuery): Promise<readonly Document[]>

  /** All of the writes or none. */
  transact(writes: readonly Write[]): Promise<TransactOutcome>
}

/** A store whose database takes writes of the caller's own into a transaction with the engine's. */
export interface TableStore extends Store {
  readonly table: SharedTable
}

export const sharedTableOf = (store: Store): SharedTable | undefined => (store as Partial<TableStore>).table

/** A table as a transaction with writes of the caller's own needs it. What is `unknown` here is the database's own. */
export interface SharedTable {
  readonly name: string
  /** The store's own client of the database. */
  readonly client: unknown
  /** The writes as actions of the database's transactions, one each, in order. */
  actions(writes: readonly Write[]): TableActions
}

interface TableActions {
  readonly actions: readonly object[]
  /** Stores what must be there before the actions: content that does not fit into them. TTL reclaims what stays unused. */
  storeContent(): Promise<void>
}

export interface NewSegment {
  readonly segment: Segment
  readonly content: Content
}

export interface StoredSegment {
  readonly segment: Segment
  /** Absent when it never arrived, is past its time, or can't be read. */
  readonly content: Content | undefined
  /** Why the segment can't be read, where that is so: it is damaged, or in a form that this version does not know. */
  readonly unreadable?: string
}

export interface HeaderRange {
  readonly partition: SegmentPartition
  /** Sort keys, both inclusive. */
  readonly from: string
  readonly to: string
  /** The read returns at most this many headers. */
  readonly limit: number
  readonly consistent?: boolean
}

export interface HeaderPage {
  readonly segments: readonly Segment[]
  /** Whether the range may hold more behind the last header of the page. */
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
  /** Why the write could not be tried. Then it is not known how the segment is, nor whether the write was done. */
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
  /** Changes nothing, and requires that a document is as it was read. */
  | { readonly kind: 'check'; readonly key: DocumentKey; readonly ifVersion: number }
  /** Gives out sequence numbers. Requires that none from `from` on was given. Creates the ticket where there is none. */
  | ({ readonly kind: 'advance'; readonly key: TicketKey } & TicketAdvance)
  /** Opens the ticket of a group of a standard queue, which has a new message. Creates the ticket where there is none. */
  | ({ readonly kind: 'touch'; readonly key: TicketKey } & TicketTouch)

export interface PutWrite {
  readonly kind: 'put'
  readonly key: DocumentKey
  readonly value: JsonValue
  /** Epoch ms; kept for good when absent. */
  readonly expiresAt?: number
  /** Version it must have now; 0 for absent; any when not given. */
  readonly ifVersion?: number
}

export type TransactOutcome =
  | { readonly applied: true }
  | { readonly applied: false; readonly failures: readonly WriteFailure[] }

/** A write whose condition did not hold, and what it met: a document or a ticket, where there is one. */
export interface WriteFailure {
  /** Position of the write. */
  readonly write: number
  readonly document?: Document
  readonly lastSequence?: string
}

export type ClaimedSegment = StoredSegment

/** A ticket's place: a shard of a queue and the group's hash. */
export interface TicketKey {
  readonly partition: SegmentPartition
  readonly group: string
}
export interface TicketRange {
  readonly partition: SegmentPartition
  /** Group hashes, both inclusive. */
  readonly from: string
  readonly to: string
  readonly limit: number
  readonly consistent?: boolean
}
export interface TicketPage {
  readonly tickets: readonly Ticket[]
  readonly more: boolean
}
