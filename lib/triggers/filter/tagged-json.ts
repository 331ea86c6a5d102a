/**
 * JSON whose numbers keep the text that they were written with, which patterns compare. A string begins with `s`, keys
 * of objects too, a number is a string that begins with `n`.
 */
export type Tagged = string | boolean | null | readonly Tagged[] | { readonly [key: string]: Tagged }

/** A string, or what begins like a number: nothing else in JSON has quotes or digits. */
const STRINGS_AND_NUMBERS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const BEFORE_COLON = /[ \t\r\n]*:/y

/**
 * Parses once: with a parse of the text itself before, to see whether it is JSON, a body of a megabyte took a hundred of memory.
 *
 * @throws `SyntaxError` for what is no JSON
 */
export const taggedJson = (text: string): Tagged => {
  const tagged = text.replace(STRINGS_AND_NUMBERS, (token, at: number) => {
    if (token[0] === '"') return `"s${token.slice(1)}`
    BEFORE_COLON.lastIndex = at + token.length
    // With its tag, a number that is written wrong or in the place of a key would pass.
    if (!NUMBER.test(token) || BEFORE_COLON.test(text)) throw new SyntaxError(`no JSON at ${at}`)
    return `"n${token}"`
  })
  return JSON.parse(tagged) as Tagged
}

export type TaggedObject = { readonly [key: string]: Tagged }

const isList = (value: Tagged): value is readonly Tagged[] => Array.isArray(value)
export const isObject = (value: Tagged | undefined): value is TaggedObject =>
  typeof value === 'object' && value !== null && !isList(value)

/** The member of an object with this name, which has no tag. */
export const member = (object: TaggedObject | undefined, name: string): Tagged | undefined =>
  object && Object.hasOwn(object, `s${name}`) ? object[`s${name}`] : undefined

/** A value, or the values of a list and of the lists in it, however deep. */
export const flattened = (value: Tagged | undefined): Tagged[] => {
  if (value === undefined) return []
  const found: Tagged[] = []
  const open: Tagged[] = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (!isList(next)) found.push(next)
    else for (let at = next.length - 1; at >= 0; at--) open.push(next[at] as Tagged)
  }
  return found
}

/** A string, number, boolean or null as one text that tells it from all others; nothing for what has members. */
export const scalarText = (value: Tagged): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'boolean' || value === null ? `l${value}` : undefined
