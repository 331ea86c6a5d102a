export interface JsonBounds {
  /** Levels of brackets. */
  readonly depth: number
  /** Commas and opening brackets outside strings: about as many as there are values. @default any number */
  readonly values?: number
  /** Opening brackets: an object takes several times the memory of a number. @default any number */
  readonly brackets?: number
}

/**
 * Whether JSON text is within the bounds. The check reads the text once, without recursion, and stops at the first value
 * beyond them. A parser would need a second and hundreds of megabytes for eight megabytes of brackets.
 */
export const isWithin = (text: string, { depth, ...most }: JsonBounds): boolean => {
  let level = 0
  const { values = Number.POSITIVE_INFINITY, brackets = Number.POSITIVE_INFINITY } = most
  const seen = { values: 0, brackets: 0 }
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        break
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++level > depth || ++seen.brackets > brackets || ++seen.values > values) return false
        break
      case COMMA:
        if (++seen.values > values) return false
        break
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        level--
    }
  }
  return true
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Where the string that begins at `start` ends: at the first quote that is not escaped. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++
    if (escapes % 2 === 0) return end
  }
  return text.length
}
