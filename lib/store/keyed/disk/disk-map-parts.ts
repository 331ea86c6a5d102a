import type { ByteWriter } from './byte-writer.ts'
import type { Journal } from './journal.ts'
import type { LmdbFile } from './lmdb-file.ts'
import type { Space } from './log-record.ts'
import type { CacheLimits } from './partition-cache.ts'

/** How values of a map are stored. */
export interface Codec<V> {
  encode(out: ByteWriter, value: V, pieces: number): void
  decode(bytes: Buffer, partition: string, sort: string): V
  /** The body to store beside a value; undefined where it is that of the value before. */
  bodyOf?(value: V, before: V | undefined): Uint8Array | undefined
  /** Number of pieces of a stored value's body. */
  piecesIn?(bytes: Buffer): number
  /** Number of pieces of a decoded value's body; undefined if the body is not stored yet. */
  piecesOf?(value: V): number | undefined
  /** The value to keep in memory once the file has it. */
  settled?(value: V, pieces: number, partition: string, sort: string): V
}

export interface DiskMapParts<V> {
  readonly space: Space
  readonly file: LmdbFile
  readonly journal: Journal
  readonly codec: Codec<V>
  readonly limits?: CacheLimits | undefined
}

/** Bodies are stored in pieces of this size, because one large value would need consecutive pages, which are scarce in a used file. */
export const PIECE_BYTES = 32_768
