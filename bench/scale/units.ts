import type { Segment } from '../../lib/model/segment.ts'
import type { Item } from '../../lib/store/dynamodb/header-item.ts'
import { segmentItems } from '../../lib/store/dynamodb/segment-items.ts'
import type { Document, HeaderPage, NewSegment } from '../../lib/store/port.ts'

/** Bytes of a lease in a header, with the attribute's name. */
const LEASE_BYTES = 24
const WRITE_UNIT = 1_024
const READ_UNIT = 4_096

/** What the items of a segment take, as the adapter of DynamoDB makes them. */
export interface SegmentCost {
  /** Bytes of the header with its content, while no message is leased. */
  readonly headerBytes: number
  /** Write units of each body item. */
  readonly bodyUnits: readonly number[]
}

/**
 * The costs of segments by their number of messages. All segments of that number have the same content in the model, so the
 * adapter's items are made once for each.
 */
export const segmentCosts = () => {
  const known = new Map<number, SegmentCost>()
  return {
    of: (segment: Segment): SegmentCost => known.get(segment.slots.length) ?? { headerBytes: 200, bodyUnits: [] },
    note: (segment: NewSegment): SegmentCost => {
      const count = segment.segment.slots.length
      const before = known.get(count)
      if (before) return before
      const { header, bodies } = segmentItems(segment)
      const cost = {
        headerBytes: itemBytes(header),
        bodyUnits: bodies.map((body) => Math.max(1, Math.ceil(itemBytes(body) / WRITE_UNIT))),
      }
      known.set(count, cost)
      return cost
    },
  }
}
export type SegmentCosts = ReturnType<typeof segmentCosts>

/** Read units of a page of headers: whole items count, and an empty page as much as the smallest. */
export const pageUnits = ({ segments }: HeaderPage, costs: SegmentCosts, consistent: boolean): number => {
  let bytes = 0
  for (const segment of segments) {
    bytes += costs.of(segment).headerBytes
    for (const { kind } of segment.slots) if (kind === 'lease') bytes += LEASE_BYTES
  }
  return readUnits(bytes, consistent)
}

export const documentUnits = (documents: readonly Document[], consistent: boolean): number =>
  readUnits(
    documents.reduce((bytes, document) => bytes + documentBytes(document), 0),
    consistent,
  )

/** The value is stored as JSON, beside the key, the version and the names of the attributes. */
export const documentBytes = ({ partition, sort, value }: Document): number =>
  partition.length + sort.length + JSON.stringify(value).length + 12

const readUnits = (bytes: number, consistent: boolean): number =>
  Math.max(1, Math.ceil(bytes / READ_UNIT)) * (consistent ? 1 : 0.5)

/** By DynamoDB's published rules, for the types that headers and bodies have. */
const itemBytes = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, { S, N, B }]) => {
    const value =
      S !== undefined ? Buffer.byteLength(S) : N !== undefined ? Math.ceil(N.length / 2) + 1 : (B?.length ?? 0)
    return sum + name.length + value
  }, 0)
