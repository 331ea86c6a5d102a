import type { JsonValue } from './message.ts'

/** Where a document is stored. */
export interface DocumentKey {
  readonly partition: string
  readonly sort: string
}

/** A small record with a version, beside the segments. */
export interface Document extends DocumentKey {
  /** Rises with every write. */
  readonly version: number
  readonly value: JsonValue
}
