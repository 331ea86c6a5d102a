import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Io, Stream } from '../io.ts'
import { visible } from './words.ts'

export type Style = Parameters<typeof styleText>[0]

/** What a command prints. Data goes to stdout; everything else, such as progress and advice, goes to stderr. */
export interface Output {
  /** Whether stdout gets one JSON object a line: stdout is no terminal, or the caller gave `--json`. */
  readonly json: boolean
  /** Whether a person watches stderr. */
  readonly interactive: boolean
  readonly columns: number
  /** One JSON object, on a line of its own. */
  record(value: unknown): void
  /** Text on stdout. */
  text(line: string): void
  /** A table on stdout. */
  table(head: readonly string[], rows: readonly (readonly string[])[], rightAligned?: readonly number[]): void
  /** A note for people on stderr. */
  note(line: string): void
  /** The text in a style, if stdout takes colours. */
  style(style: Style, text: string): string
  /** Resolves when stdout has taken everything. */
  flushed(): Promise<void>
}

export interface OutputOptions {
  readonly json?: boolean | undefined
  /** Called when the reader of stdout has gone away. */
  readonly readerGone: () => void
}

const DEFAULT_COLUMNS = 80

export const createOutput = ({ stdout, stderr, env }: Io, { json, readerGone }: OutputOptions): Output => {
  const colours = hasColours(stdout, env)
  const style = (format: Style, text: string) => (colours ? styleText(format, text, { validateStream: false }) : text)
  let gone = false
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    gone = true
    readerGone()
  })
  // A reader of stderr that has gone away must not end a change that is under way.
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  const write = (line: string) => {
    if (!gone) stdout.write(`${line}\n`)
  }
  return {
    json: json ?? !stdout.isTTY,
    interactive: stderr.isTTY === true,
    columns: stdout.columns ?? DEFAULT_COLUMNS,
    record: (value) => write(asciiControls(JSON.stringify(value))),
    text: write,
    table: (head, rows, rightAligned = []) =>
      write(
        drawn(
          head.map((name) => style('bold', name)),
          rows,
          rightAligned,
        ),
      ),
    note: (line) => void stderr.write(`${visible(line)}\n`),
    style,
    flushed: () => new Promise((resolve) => (gone ? resolve() : stdout.write('', () => resolve()))),
  }
}

/** The control characters that JSON allows in a text, escaped: a terminal takes some of them for the start of a command. */
const asciiControls = (json: string): string =>
  json.replaceAll(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)

/** https://no-color.org, https://force-color.org */
const hasColours = ({ isTTY }: Stream, { NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean => {
  if (NO_COLOR) return false
  if (FORCE_COLOR) return FORCE_COLOR !== '0'
  return isTTY === true && TERM !== 'dumb'
}

/** Columns two spaces apart, without lines, so that people can copy cells. */
const BARE = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('top-mid', 'bottom-mid', 'left-mid', 'right-mid', 'middle')
    .map((side) => [side, side === 'middle' ? '  ' : '']),
)

const drawn = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[],
): string => {
  const table = new Table({
    head: [...head],
    chars: BARE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: head.map((_, column) => (rightAligned.includes(column) ? 'right' : 'left')),
  })
  for (const row of rows) table.push([...row])
  return table.toString().replaceAll(/ +$/gm, '')
}
