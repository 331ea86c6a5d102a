import { ByteWriter } from './byte-writer.ts'
import { beginRecord, type ChangeOf, endRecord, isEmptyRecord, type LogPlace, writeChange } from './log-record.ts'

/** The changes of the steps of one turn of the event loop: they are written to the log together, or undone together. */
export interface Journal {
  /** Number of the log that the changes will be written to. */
  log: number
  readonly isEmpty: boolean
  readonly bytes: number
  /** Notes a change. `undo` undoes it in memory. */
  note(change: ChangeOf, undo: () => void, head?: (out: ByteWriter) => void, body?: Uint8Array): void
  /** The present position, for `undoTo`. */
  mark(): Mark
  /** Whether a change was noted since the mark. */
  hasSince(mark: Mark): boolean
  /** Undoes the changes since the mark. */
  undoTo(mark: Mark): void
  /** The record of all noted changes, for the present end of a log. */
  record(place: LogPlace): Buffer
  clear(): void
}

export interface Mark {
  readonly length: number
  readonly undos: number
}

export const journal = (log: number): Journal => {
  const out = new ByteWriter()
  const undos: (() => void)[] = []
  beginRecord(out)
  return {
    log,
    get isEmpty() {
      return isEmptyRecord(out)
    },
    get bytes() {
      return out.length
    },
    note: (change, undo, head, body) => {
      undos.push(undo)
      writeChange(out, change, head && (() => head(out)), body)
    },
    mark: () => ({ length: out.length, undos: undos.length }),
    hasSince: ({ undos: kept }) => undos.length > kept,
    undoTo: ({ length, undos: kept }) => {
      out.truncate(length)
      while (undos.length > kept) undos.pop()?.()
    },
    record: (place) => endRecord(out, place),
    clear: () => {
      out.truncate(0)
      undos.length = 0
      beginRecord(out)
    },
  }
}
