import type { Content } from '../../../model/content.ts'
import { type SegmentPartition, withCachedId } from '../../../model/segment-key.ts'
import type { TicketState } from '../../../model/ticket.ts'
import type { Entry, StoredContent, StoredDocument } from '../entries.ts'
import {
  decodeContent,
  decodeDocument,
  decodeSegment,
  decodeTicket,
  encodeContent,
  encodeDocument,
  encodeSegment,
  encodeTicket,
  piecesIn,
  shardIn,
} from './codecs.ts'
import type { Codec } from './disk-map-parts.ts'
import { type LmdbFile, SEPARATOR } from './lmdb-file.ts'

export const documentCodec: Codec<StoredDocument> = { encode: encodeDocument, decode: decodeDocument }

export const ticketCodec: Codec<TicketState> = { encode: encodeTicket, decode: decodeTicket }

/** Content that is in the file, in a number of pieces. */
interface ContentInFile extends StoredContent {
  readonly pieces: number
}

/** Content of fewer bytes stays in memory with its segment. */
const MAX_KEPT_BYTES = 256
const MAX_KNOWN_PARTITIONS = 1_000

export const segmentCodec = (file: LmdbFile): Codec<Entry> => {
  const inFile = (partition: string, sort: string, pieces: number): ContentInFile => ({
    pieces,
    load: () => contentOf(file, partition, sort, pieces),
  })
  const partitions = new Map<string, SegmentPartition>()
  const partitionOf = (id: string, shard: number): SegmentPartition => {
    let partition = partitions.get(id)
    if (!partition) {
      if (partitions.size >= MAX_KNOWN_PARTITIONS) partitions.clear()
      partition = withCachedId(partitionWithId(id, shard))
      partitions.set(id, partition)
    }
    return partition
  }
  return {
    encode: (out, { segment }, pieces) => encodeSegment(out, segment, pieces),
    decode: (bytes, id, sort) => ({
      segment: decodeSegment(bytes, partitionOf(id, shardIn(bytes)), sort),
      content: inFile(id, sort, piecesIn(bytes)),
    }),
    bodyOf: ({ content }, before) =>
      'load' in content || content === before?.content ? undefined : encodeContent(content),
    piecesIn,
    piecesOf: ({ content }) => ('load' in content ? (content as ContentInFile).pieces : undefined),
    settled: (entry, pieces, partition, sort) =>
      'load' in entry.content || isSmall(entry.content)
        ? entry
        : { segment: entry.segment, content: inFile(partition, sort, pieces) },
  }
}

export const bodyKey = (partition: string, sort: string, piece: number): string =>
  `b${partition}${SEPARATOR}${sort}${SEPARATOR}${piece.toString(36).padStart(4, '0')}`

const contentOf = (file: LmdbFile, partition: string, sort: string, pieces: number): Content | undefined => {
  const found: Buffer[] = []
  for (let piece = 0; piece < pieces; piece++) {
    const bytes = file.get(bodyKey(partition, sort, piece))
    if (!bytes) return undefined
    found.push(bytes)
  }
  const [only, another] = found
  return only && decodeContent(another ? Buffer.concat(found) : only)
}

/** @param id `<queue>#<generation>#<shard>`, or `<queue>#<generation>#g<group>`, which lacks the shard */
const partitionWithId = (id: string, shard: number): SegmentPartition => {
  const end = id.lastIndexOf('#')
  const middle = id.lastIndexOf('#', end - 1)
  const place = id.slice(end + 1)
  return {
    queue: id.slice(0, middle),
    generation: id.slice(middle + 1, end),
    shard,
    // A shard's number has at most two digits, a group's hash has more.
    ...(place.length > 2 && { group: place.slice(1) }),
  }
}

const isSmall = ({ messages }: Content): boolean => {
  let length = 0
  for (const { body, attributes } of messages) length += attributes ? MAX_KEPT_BYTES : body.length
  return length < MAX_KEPT_BYTES
}
