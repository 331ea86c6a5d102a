import { isUtf8 } from 'node:buffer'
import { UsageError } from '../functions/local/usage-error.ts'

export interface Line {
  /** Counted from 1. */
  readonly number: number
  readonly text: string
  /** Whether `text` is the line itself. Otherwise each of its bytes that is no UTF-8 is U+FFFD there. */
  readonly isUtf8: boolean
  /** Bytes of the input up to the end of this line. */
  readonly end: number
}

/** No line with a message is longer: the largest message is 1 MiB, in base64 and with attributes. */
const MAX_LINE_BYTES = 8_000_000
const LF = 0x0a

/**
 * Yields the lines of an input that are not blank, as many at a time as have arrived.
 *
 * @throws `UsageError` for a line that is longer than any message
 */
export async function* linesIn(input: AsyncIterable<Buffer | string>): AsyncGenerator<readonly Line[]> {
  let rest = Buffer.alloc(0)
  let end = 0
  let number = 0
  const take = (bytes: Buffer, ending: number): Line[] => {
    number++
    end += bytes.byteLength + ending
    const text = bytes.toString('utf8').trim()
    return text === '' ? [] : [{ number, text, isUtf8: isUtf8(bytes), end }]
  }
  for await (const chunk of input) {
    rest = Buffer.concat([rest, typeof chunk === 'string' ? Buffer.from(chunk) : chunk])
    const lines: Line[] = []
    for (let at = rest.indexOf(LF); at >= 0; at = rest.indexOf(LF)) {
      lines.push(...take(rest.subarray(0, at), 1))
      rest = rest.subarray(at + 1)
    }
    if (rest.byteLength > MAX_LINE_BYTES) throw new UsageError(`line ${number + 1} is longer than any message`)
    if (lines.length > 0) yield lines
  }
  const last = rest.byteLength === 0 ? [] : take(rest, 0)
  if (last.length > 0) yield last
}

/** The text of a line. @throws `UsageError` for a line that is not UTF-8: another message would be sent than the one given */
export const textIn = ({ number, text, isUtf8: isText }: Line): string => {
  if (isText) return text
  throw new UsageError(`line ${number} is not UTF-8: give bytes in base64, as bodyBase64`)
}

/** The JSON object of a line. @throws `UsageError` naming the line */
export const objectIn = (line: Line): Record<string, unknown> => {
  const { number } = line
  const value = jsonOf(textIn(line))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new UsageError(`line ${number} is no JSON object`)
}

export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
