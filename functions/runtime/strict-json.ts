/** The reason of a fault in a text that is no JSON at all. */
export const NOT_JSON = 'is not valid JSON'

/** A fault in a JSON text, with its place. It quotes no value, because that may be a secret. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  /** The value at fault, such as `keys[0].permissions`; empty for the whole text. */
  readonly path: string

  constructor(reason: string, text: string, at: number, path: string) {
    super(reason)
    const before = text.slice(0, at).split('\n')
    this.line = before.length
    this.column = (before.at(-1) ?? '').length + 1
    this.path = path
  }
}

const MAX_DEPTH = 32
const SPACE = /[ \t\n\r]*/y
/** Finds the end of a string. `JSON.parse` then checks what is within the quotes. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const WORD = /true|false|null/y

/**
 * Parses JSON and refuses an object with a member twice. `JSON.parse` would keep the last one, where another reader of
 * the same policy may keep the first.
 *
 * @throws JsonFault
 */
export const parseStrictJson = (text: string): unknown => {
  const reader: Reader = { text, at: 0 }
  const value = readValue(reader, '', 0)
  skipSpace(reader)
  if (reader.at < text.length) throw fault(reader, NOT_JSON, '')
  return value
}

/** Whether a parsed value is an object, and so no list and not null. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** A text and the position of the next character. */
interface Reader {
  readonly text: string
  at: number
}

const readValue = (reader: Reader, path: string, depth: number): unknown => {
  if (depth > MAX_DEPTH) throw fault(reader, `is nested more than ${MAX_DEPTH} deep`, path)
  skipSpace(reader)
  const first = reader.text[reader.at]
  if (first === '{') return readObject(reader, path, depth)
  if (first === '[') return readArray(reader, path, depth)
  return readScalar(reader, [STRING, NUMBER, WORD], path)
}

const readScalar = (reader: Reader, forms: readonly RegExp[], path: string): unknown => {
  const start = { ...reader }
  for (const form of forms) {
    const scalar = token(reader, form)
    if (scalar === undefined) continue
    try {
      return JSON.parse(scalar)
    } catch {
      throw fault(start, NOT_JSON, path)
    }
  }
  throw fault(start, NOT_JSON, path)
}

const readObject = (reader: Reader, path: string, depth: number): Record<string, unknown> => {
  const members = new Map<string, unknown>()
  reader.at++
  for (let separator = '{'; !isEnd(reader, separator, '}', path); separator = ',') {
    const start = { ...reader }
    const member = String(readScalar(reader, [STRING], path))
    const memberPath = path === '' ? member : `${path}.${member}`
    if (members.has(member)) throw fault(start, 'is there twice', memberPath)
    skipSpace(reader)
    if (reader.text[reader.at] !== ':') throw fault(reader, NOT_JSON, memberPath)
    reader.at++
    members.set(member, readValue(reader, memberPath, depth + 1))
  }
  return Object.fromEntries(members)
}

const readArray = (reader: Reader, path: string, depth: number): unknown[] => {
  const values: unknown[] = []
  reader.at++
  for (let separator = '['; !isEnd(reader, separator, ']', path); separator = ',') {
    values.push(readValue(reader, `${path}[${values.length}]`, depth + 1))
  }
  return values
}

/** Whether an object or array ends here. Otherwise moves the reader to the next entry, behind the comma. */
const isEnd = (reader: Reader, separator: string, end: string, path: string): boolean => {
  skipSpace(reader)
  if (reader.text[reader.at] === end) {
    reader.at++
    return true
  }
  if (separator !== ',') return false
  if (reader.text[reader.at] !== ',') throw fault(reader, NOT_JSON, path)
  reader.at++
  skipSpace(reader)
  return false
}

const token = (reader: Reader, form: RegExp): string | undefined => {
  form.lastIndex = reader.at
  const found = form.exec(reader.text)?.[0]
  if (found !== undefined) reader.at += found.length
  return found
}

const skipSpace = (reader: Reader): void => void token(reader, SPACE)

const fault = ({ text, at }: Reader, reason: string, path: string): JsonFault => new JsonFault(reason, text, at, path)
