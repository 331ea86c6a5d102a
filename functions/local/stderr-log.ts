import { inspect } from 'node:util'
import type { Log } from '../runtime/log.ts'

const line = (message: string, { error, ...fields }: Readonly<Record<string, unknown>>): void => {
  const shown = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${inspect(value)}`],
  )
  const cause =
    error instanceof Error ? `\n${error.stack ?? error.message}` : error === undefined ? '' : ` ${inspect(error)}`
  process.stderr.write(`holdfast: ${message} ${shown.join(' ')}${cause}\n`)
}

/** The local server's log, for a person at a terminal: warnings and errors only. */
export const stderrLog: Log = { debug: () => {}, info: () => {}, warn: line, error: line }
