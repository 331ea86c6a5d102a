import { createHash } from 'node:crypto'
import { START } from '../support/manual-clock.ts'

/**
 * What happened in a history. Each line has an instant, a process, and what its request did to the table, decoded. The same
 * seed gives the same bytes, on any machine and any version of Node.
 */
export interface Trace {
  line(process: string, what: string, detail: string): void
  /** Hash of all lines; ends the trace. */
  hash(): string
}

/** Enough text for one update of the hash. Most of it is ASCII, which makes `latin1` the fastest way. */
const CHUNK = 1 << 16

/** @param keep gets the lines, for a reader */
export const newTrace = (now: () => number, keep?: (line: string) => void): Trace => {
  const hash = createHash('sha256')
  let text = ''
  return {
    line: (process, what, detail) => {
      const line = `${now() - START} ${process} ${what} ${detail}\n`
      keep?.(line)
      text += line
      if (text.length < CHUNK) return
      hash.update(text, 'latin1')
      text = ''
    },
    hash: () => hash.update(text, 'latin1').digest('hex').slice(0, 32),
  }
}
