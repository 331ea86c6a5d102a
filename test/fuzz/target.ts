/** What a file of `targets/` exports. */
export interface Target {
  /** Tries one input. @throws when a promise is broken */
  fuzz(data: Buffer): Promise<void>
  /** Texts that inputs are made of, for the fuzzer to insert. */
  readonly dictionary: readonly string[]
}

const MAX_STEPS = 8
/** What servers and gateways take of a request's first line and headers, bytes. */
const MAX_HEAD = 16_384
const SEPARATOR = '\n---\n'

/** One request of an input: its first line, the lines to the first empty one, and the rest. */
export interface Step {
  readonly head: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/**
 * The requests in an input, written as text so that people can read a corpus. Every byte is a character, as in HTTP.
 *
 *     first line
 *     header: value
 *
 *     body
 *     ---
 *     first line of the next request
 */
export const stepsOf = (data: Buffer, filled: (text: string) => string): (() => Step)[] =>
  data
    .toString('latin1')
    .split(SEPARATOR)
    .slice(0, MAX_STEPS)
    .map((text) => () => stepOf(filled(text)))

const stepOf = (text: string): Step => {
  const end = text.indexOf('\n\n')
  const [head = '', ...lines] = (end < 0 ? text : text.slice(0, end)).slice(0, MAX_HEAD).split('\n')
  return {
    head,
    headers: new Map(lines.flatMap(headerIn)),
    body: Buffer.from(end < 0 ? '' : text.slice(end + 2), 'latin1'),
  }
}

const headerIn = (line: string): [string, string][] => {
  const [, name, value] = /^([\w-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? []
  return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value]]
}
