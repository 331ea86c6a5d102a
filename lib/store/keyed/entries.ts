import type { Content } from '../../model/content.ts'
import type { Document } from '../../model/document.ts'
import type { Segment } from '../../model/segment.ts'
import type { TicketState } from '../../model/ticket.ts'
import type { OrderedMap } from './ordered-map.ts'

/** A segment with its content. */
export interface Entry {
  readonly segment: Segment
  readonly content: Content | StoredContent
}

/** Content that the map has not read yet. Only the step that got the entry can load it. */
export interface StoredContent {
  load(): Content | undefined
}

export interface StoredDocument extends Document {
  /** Epoch ms. @default never */
  readonly expiresAt?: number | undefined
}

/** Everything that a keyed store keeps. */
export interface Maps {
  /** By partition id and sort key. */
  readonly segments: OrderedMap<Entry>
  readonly documents: OrderedMap<StoredDocument>
  /** By the partition id of the shard and the group's hash. */
  readonly tickets: OrderedMap<TicketState>
}

export const contentIn = ({ content }: Entry): Content | undefined => ('load' in content ? content.load() : content)

export const isExpired = ({ expiresAt }: { readonly expiresAt?: number | undefined }, now: number): boolean =>
  expiresAt !== undefined && expiresAt <= now

export const live = <V extends { readonly expiresAt?: number | undefined }>(value: V | undefined, now: number) =>
  value && isExpired(value, now) ? undefined : value
