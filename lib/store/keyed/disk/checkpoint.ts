import { open } from 'node:fs/promises'
import { damagedLog, layoutUnknown } from './damage.ts'
import { PIECE_BYTES } from './disk-map-parts.ts'
import { type LmdbFile, SEPARATOR } from './lmdb-file.ts'
import { type LogEnd, readLog } from './log-reader.ts'
import { LOG_LAYOUT, type LoggedChange, type Space } from './log-record.ts'
import { bodyKey } from './space-codecs.ts'

/** The state of one key at the end of a log. */
interface Outcome {
  readonly space: Space
  readonly partition: string
  readonly sort: string
  /** Whether the file certainly lacks the key. */
  readonly isNew: boolean
  /** Undefined when the key was deleted. */
  head: Uint8Array | undefined
  body: Uint8Array | undefined
  /** How many pieces of the key's body the file may have. */
  pieces: number
}

/** A key that a log changes. */
export type LoggedKey = Pick<Outcome, 'space' | 'partition' | 'sort'>

/** The contents of a log that can be used. */
export interface ReadLog {
  readonly changes: readonly LoggedChange[]
  readonly end: Exclude<LogEnd['kind'], 'damaged' | 'unknown layout'>
  /** Whether the machine has not been restarted since the log was begun. */
  readonly isOfThisBoot: boolean
}

/** How many entries and bytes one commit of the file has: enough to share its cost, few enough that no read waits for long. */
const BATCH_ENTRIES = 500
const BATCH_BYTES = 1_048_576

/** Reads a log. The result is valid until the next log is read. */
export type ReadWholeLog = (path: string) => Promise<ReadLog>

/** @param boot the id of this start of the machine */
export const logReader = (boot: Uint8Array): ReadWholeLog => {
  // One buffer for all logs, because V8 collects garbage of this size late.
  let buffer = Buffer.alloc(0)
  const read = async (path: string): Promise<Buffer> => {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (buffer.length < size) buffer = Buffer.allocUnsafeSlow(size)
      let length = 0
      while (length < size) {
        const { bytesRead } = await file.read(buffer, length, size - length, length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      return buffer.subarray(0, length)
    } finally {
      await file.close()
    }
  }
  return async (path) => wholeLog(path, await read(path), boot)
}

/** @throws an error whose message says what to do, where the log is damaged or in another layout */
const wholeLog = (path: string, bytes: Buffer, boot: Uint8Array): ReadLog => {
  const { changes, end, isOfThisBoot } = readLog(bytes, boot)
  if (end.kind === 'unknown layout') throw layoutUnknown(path, end.layout, LOG_LAYOUT)
  if (end.kind === 'damaged') throw damagedLog(path, end.at)
  return { changes, end: end.kind, isOfThisBoot }
}

/**
 * Writes the changes of a log to the file. After an interruption the next start writes all of them again, with the same
 * outcome. Returns the keys that the log changes.
 */
export const emptyInto = async (
  file: LmdbFile,
  { changes }: Pick<ReadLog, 'changes'>,
  number: number,
): Promise<readonly LoggedKey[]> => {
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
  // Written last, because the log may be deleted from now on.
  await file.setEmptied(number)
  return outcomes
}

/** The states of all keys at the end of the log. */
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
