import { invalid } from '../../model/errors.ts'
import type { JsonValue } from '../../model/message.ts'
import { type EventTest, eventPattern } from './event-pattern.ts'
import { type Tagged, type TaggedObject, taggedJson } from './tagged-json.ts'

/** A pattern of EventBridge for the records of SQS's event: an object, or JSON text, in which `1.0` and `1` stay different. */
export type FilterPattern = string | { readonly [field: string]: JsonValue }

/**
 * What happens to messages that match no pattern: they are acked, or moved to the queue of this name, which is of the same
 * kind, FIFO or standard.
 */
export type Unmatched = 'delete' | { readonly queue: string }

/** The record that a message has in SQS's event. */
export interface FilteredRecord {
  readonly body: string
  readonly [field: string]: unknown
}

/** Whether a record matches one of the patterns, so that the function gets it. */
export type Filter = (record: FilteredRecord) => boolean

/** The limits of Lambda's event source mappings, whose quota of five patterns can be raised to ten. */
export const FILTER_LIMITS = { patterns: 10, patternCharacters: 4_096 } as const

const RULES = {
  names: ['body', 'attributes', 'messageAttributes', 'messageId', 'eventSource', 'eventSourceARN', 'awsRegion'],
  text: 'body',
} as const

/** Checks patterns, and returns their JSON, which a trigger stores. @throws `InvalidRequest` */
export const checkedFilter = (given: FilterPattern | readonly FilterPattern[]): readonly string[] => {
  const patterns = Array.isArray(given) ? (given as readonly FilterPattern[]) : [given as FilterPattern]
  if (patterns.length < 1 || patterns.length > FILTER_LIMITS.patterns) {
    throw invalid('filter', patterns.length, `must have 1 to ${FILTER_LIMITS.patterns} patterns`)
  }
  const texts = patterns.map((pattern, position) => patternText(pattern, `filter[${position}]`))
  filterOf(texts)
  return texts
}

const patternText = (pattern: FilterPattern, field: string): string => {
  const text = typeof pattern === 'string' ? pattern : jsonOf(pattern, field)
  if (text.length > FILTER_LIMITS.patternCharacters) {
    throw invalid(field, text.length, `must have at most ${FILTER_LIMITS.patternCharacters} characters of JSON`)
  }
  return text
}

const jsonOf = (pattern: unknown, field: string): string => {
  if (typeof pattern !== 'object' || pattern === null) throw invalid(field, pattern, 'must be an object, or its JSON')
  try {
    return JSON.stringify(pattern)
  } catch {
    throw invalid(field, 'an object', 'must be an object that JSON can represent')
  }
}

/** Compiled filters, by the list of patterns that a trigger has. */
const compiled = new WeakMap<readonly string[], Filter>()

/** The filter of these patterns: a record matches where it matches one of them. @throws `InvalidRequest` */
export const filterOf = (patterns: readonly string[]): Filter => {
  const cached = compiled.get(patterns)
  if (cached) return cached
  const tests = patterns.map((text, position) => patternTest(text, `filter[${position}]`))
  const filter: Filter = (record) => {
    const event = eventOf(record)
    return tests.some((test) => test(event))
  }
  compiled.set(patterns, filter)
  return filter
}

const patternTest = (text: string, field: string): EventTest => {
  let pattern: Tagged
  try {
    pattern = taggedJson(text)
  } catch {
    throw invalid(field, text.slice(0, 60), 'must be an object, or its JSON')
  }
  return eventPattern(pattern, field, RULES)
}

/** A record as an event. Its body counts as JSON where that is an object or a list, which alone have fields, and else as text. */
const eventOf = ({ body, ...others }: FilteredRecord): TaggedObject => ({
  ...(taggedJson(JSON.stringify(others)) as TaggedObject),
  sbody: jsonBody(body) ?? `s${body}`,
})

const jsonBody = (body: string): Tagged | undefined => {
  if (!/^[ \t\r\n]*[{[]/.test(body)) return undefined
  try {
    return taggedJson(body)
  } catch {
    return undefined
  }
}
