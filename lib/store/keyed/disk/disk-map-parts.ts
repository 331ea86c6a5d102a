import type { ByteWriter } from './byte-writer.ts'
import type { Journal } from './journal.ts'
import type { LmdbFile } from './lmdb-file.ts'
import type { Space } from './log-record.ts'
import type { CacheLimits } from './partition-cache.ts'

/** How values of a map are stored. */
export interface Codec<V> {
  encode(out: ByteWriter, value: V, pieces: number): void
  decode(bytes: Buffer, partition: string, sort: string): V
  /** The body to be stored beside a value, when it differs from that of the value before. */
  bodyOf?(value: V, before: V | undefined): Uint8Array | undefined
  /** Pieces that the body of a stored value is in. */
  piecesIn?(bytes: Buffer): number
  /** The same of a value that was decoded; nothing when its body has not been stored yet. */
  piecesOf?(value: V): number | undefined
  /** The value as it is kept in memory once the file has it. */
  settled?(value: V, pieces: number, partition: string, sort: string): V
}

export interface DiskMapParts<V> {
  readonly space: Space
  readonly file: LmdbFile
  readonly journal: Journal
  readonly codec: Codec<V>
  readonly limits?: CacheLimits | undefined
}

/** A body is stored in pieces of this size: large values need pages in a row, which a file in use has few of. */
export const PIECE_BYTES = 32_768
