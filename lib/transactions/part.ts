import type { Sequence } from '../model/group.ts'
import type { Segment } from '../model/segment.ts'
import type { Write } from '../store/port.ts'
import type { AckedSegment } from './request.ts'

/** A write of a transaction, with the request of the caller that it serves. */
export interface Part {
  readonly write: Write
  readonly origin: Origin
}

export type Origin =
  | { readonly kind: 'marker'; readonly transactionId: string }
  | { readonly kind: 'ack'; readonly acked: AckedSegment }
  /** The check of a queue's record. */
  | { readonly kind: 'queue'; readonly queue: string }
  /** A new segment, or the ticket of its group. */
  | { readonly kind: 'placing'; readonly queue: string }
  /** A result item of acked messages. */
  | { readonly kind: 'result'; readonly queue: string }
  | { readonly kind: 'deduplication'; readonly queue: string; readonly position: number }

/** What cancelled attempts found. The next attempt is built on it. */
export interface ReadState {
  /** The last sequence number given in a group, by the group's ticket. */
  readonly lastSequences: Map<string, Sequence>
  /** Segments of acked messages, by their ids. */
  readonly segments: Map<string, Segment>
  /** Versions of the records of deduplication ids that are free again, by the messages' positions. */
  readonly replaces: Map<number, number>
  /** Result items that are already stored, by partition and sort key. */
  readonly storedResults: Set<string>
  /** Version of the transaction's marker; 0 when it is absent. */
  marker: number
}

export const emptyReadState = (): ReadState => ({
  lastSequences: new Map(),
  segments: new Map(),
  replaces: new Map(),
  storedResults: new Set(),
  marker: 0,
})
