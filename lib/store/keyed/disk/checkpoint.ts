import { readFile } from 'node:fs/promises'
import { PIECE_BYTES } from './disk-map-parts.ts'
import { type LmdbFile, layoutUnknown, SEPARATOR } from './lmdb-file.ts'
import { LOG_LAYOUT, type LoggedChange, readLog, readLogHeader, type Space } from './log-record.ts'
import { bodyKey } from './space-codecs.ts'

/** The outcome of a whole log for one key. */
interface Outcome {
  readonly space: Space
  readonly partition: string
  readonly sort: string
  /** Whether the file certainly lacks the key. */
  readonly isNew: boolean
  /** Nothing when it was deleted. */
  head: Uint8Array | undefined
  body: Uint8Array | undefined
  /** Number of pieces of content that the file may have. */
  pieces: number
}

export interface EmptiedLog {
  /** Keys that the log tells of. */
  readonly keys: readonly Pick<Outcome, 'space' | 'partition' | 'sort'>[]
  /** Whether it says that it is complete. */
  readonly complete: boolean
  /** Bytes at its end that are no whole record. */
  readonly tornBytes: number
}

/** Entries and bytes that are written to the file at once: enough to share a commit, few enough to hold up nobody. */
const BATCH_ENTRIES = 500
const BATCH_BYTES = 1_048_576

/**
 * Brings the file to where the log at this path ends. Where it is interrupted it is done again from the start, with the
 * same outcome.
 */
export const emptyInto = async (file: LmdbFile, path: string): Promise<EmptiedLog> => {
  const bytes = await readFile(path)
  const header = readLogHeader(bytes)
  if (!header) return { keys: [], complete: false, tornBytes: bytes.length }
  if (header.layout !== LOG_LAYOUT) throw layoutUnknown(path, header.layout)
  const { changes, wholeBytes, complete } = readLog(bytes, header)
  const outcomes = outcomesOf(changes)
  let batch: [string, Uint8Array | undefined][] = []
  let batchBytes = 0
  for (const outcome of outcomes) {
    for (const entry of entriesOf(outcome)) {
      batch.push(entry)
      batchBytes += entry[1]?.length ?? 0
      if (batch.length < BATCH_ENTRIES && batchBytes < BATCH_BYTES) continue
      await file.write(batch)
      batch = []
      batchBytes = 0
    }
  }
  await file.write(batch)
  return { keys: outcomes, complete, tornBytes: bytes.length - wholeBytes }
}

/** What came and went within the log leaves no trace. */
const outcomesOf = (changes: readonly LoggedChange[]): Outcome[] => {
  const outcomes = new Map<string, Outcome>()
  for (const { kind, space, partition, sort, head, body, pieces } of changes) {
    const key = `${space}${partition}${SEPARATOR}${sort}`
    let outcome = outcomes.get(key)
    if (!outcome) {
      outcome = { space, partition, sort, isNew: kind === 'insert', head: undefined, body: undefined, pieces: 0 }
      outcomes.set(key, outcome)
    }
    outcome.head = kind === 'delete' ? undefined : head
    if (kind === 'delete') outcome.body = undefined
    else if (body) outcome.body = body
    outcome.pieces = Math.max(outcome.pieces, pieces)
  }
  return [...outcomes.values()]
}

function* entriesOf({
  space,
  partition,
  sort,
  isNew,
  head,
  body,
  pieces,
}: Outcome): Generator<[string, Uint8Array | undefined]> {
  if (!head && isNew) return
  yield [`${space}${partition}${SEPARATOR}${sort}`, head]
  if (head && !body) return
  for (let piece = 0; piece < pieces; piece++) {
    const part = body?.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES)
    yield [bodyKey(partition, sort, piece), part && part.length > 0 ? part : undefined]
  }
}
