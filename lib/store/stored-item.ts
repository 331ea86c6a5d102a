import type { Document } from '../model/document.ts'
import type { SegmentPartition } from '../model/segment-key.ts'
import type { TicketState } from '../model/ticket.ts'
import type { NewSegment } from './port.ts'

/** Something that a store keeps, as it is kept: with its leases, versions and instants. For moving to another store. */
export type StoredItem =
  | { readonly kind: 'segment'; readonly stored: NewSegment }
  | { readonly kind: 'document'; readonly document: Document; readonly expiresAt: number | undefined }
  | {
      readonly kind: 'ticket'
      readonly partition: SegmentPartition
      readonly group: string
      readonly state: TicketState
    }
