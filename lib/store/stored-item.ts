import type { Document } from '../model/document.ts'
import type { SegmentPartition } from '../model/segment-key.ts'
import type { TicketState } from '../model/ticket.ts'
import type { NewSegment } from './port.ts'

/** A segment, document or ticket exactly as a store keeps it, with leases, versions and instants: for a copy in another store. */
export type StoredItem =
  | { readonly kind: 'segment'; readonly stored: NewSegment }
  | { readonly kind: 'document'; readonly document: Document; readonly expiresAt: number | undefined }
  | {
      readonly kind: 'ticket'
      readonly partition: SegmentPartition
      readonly group: string
      readonly state: TicketState
    }
