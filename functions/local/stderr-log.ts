import { inspect } from 'node:util'
import type { Log } from '../runtime/log.ts'

const line = (message: string, { error, ...fields }: Readonly<Record<string, unknown>>): void => {
  const told = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${inspect(value)}`],
  )
  const cause =
    error instanceof Error ? `\n${error.stack ?? error.message}` : error === undefined ? '' : ` ${inspect(error)}`
  process.stderr.write(`holdfast: ${message} ${told.join(' ')}${cause}\n`)
}

/** A person is watching: only what calls for attention is told. */
export const stderrLog: Log = { debug: () => {}, info: () => {}, warn: line, error: line }
