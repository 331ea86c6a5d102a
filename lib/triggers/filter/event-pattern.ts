import { invalid, unknownField } from '../../model/errors.ts'
import { OPERATOR_NAMES, operatorIn, operatorTest, plain, type ScalarTest } from './operators.ts'
import { flattened, isObject, member, scalarText, type Tagged, type TaggedObject } from './tagged-json.ts'

/** Whether an event matches a pattern. Takes time linear in the size of the event. */
export type EventTest = (event: TaggedObject) => boolean

/** A compiled pattern of one object: all fields must match, and one alternative of each `$or`. */
interface ObjectPattern {
  readonly fields: readonly { readonly name: string; readonly test: FieldTest }[]
  readonly alternatives: readonly (readonly ObjectPattern[])[]
  /** Whether the pattern only requires that fields are absent. */
  readonly onlyAbsence: boolean
}

/** Tests a field's value, which is undefined where the field is absent. */
type FieldTest = (value: Tagged | undefined) => boolean

/** A pattern that nests deeper is refused: it is a mistake, or an attack. */
const MAX_DEPTH = 50

export interface PatternRules {
  /** The names of an event's fields. A pattern with another name is refused, because no event would match it. */
  readonly names: readonly string[]
  /** The name of the field that is plain text or JSON. A pattern of text matches only text, and one of JSON only JSON. */
  readonly text: string
}

/**
 * Compiles a pattern of EventBridge, in its syntax and with its rules: all fields must match, one of each field's
 * values must; strings match exactly, numbers by how they are written; a list matches where one of its elements does, and
 * the fields of one object of the pattern must match in one and the same object of the event.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 *
 * @throws `InvalidRequest` with the place in the pattern
 */
export const eventPattern = (pattern: Tagged, field: string, rules: PatternRules): EventTest => {
  const compiled = objectPattern(pattern, field, { depth: 0, inOr: false, top: rules })
  return (event) => holds(compiled, event)
}

interface Place {
  readonly depth: number
  readonly inOr: boolean
  /** Set at the top of the event. */
  readonly top?: PatternRules | undefined
}

const objectPattern = (pattern: Tagged, field: string, place: Place): ObjectPattern => {
  if (!isObject(pattern))
    throw invalid(
      field,
      plain(pattern),
      place.depth > 0 ? 'must be a list of values, or an object of fields' : 'must be an object of fields',
    )
  if (place.depth > MAX_DEPTH) throw invalid(field, 'deeper', `must not nest deeper than ${MAX_DEPTH} objects`)
  const entries = Object.entries(pattern).map(([key, value]) => ({ name: key.slice(1), value }))
  if (entries.length === 0) throw invalid(field, 'empty', 'must have a field')
  const fields: { name: string; test: FieldTest }[] = []
  const alternatives: ObjectPattern[][] = []
  let onlyAbsence = true
  for (const { name, value } of entries) {
    const at = `${field}.${name}`
    if (name === '$or') {
      alternatives.push(orPattern(value, at, place))
      onlyAbsence = false
      continue
    }
    if (place.inOr && OPERATOR_NAMES.includes(name))
      throw invalid(at, name, 'must not be an operator in place of a field')
    if (place.top && !place.top.names.includes(name)) throw unknownField(at, undefined, place.top.names)
    const compiled = fieldPattern(value, at, place)
    const isText = place.top?.text === name
    fields.push({ name, test: isText ? ofOwnKind(value, compiled.test) : compiled.test })
    onlyAbsence &&= compiled.onlyAbsence
  }
  return { fields, alternatives, onlyAbsence }
}

const orPattern = (value: Tagged, field: string, place: Place): ObjectPattern[] => {
  if (!Array.isArray(value) || value.length < 2)
    throw invalid(field, plain(value), 'must be a list of two objects or more')
  const inside = { ...place, depth: place.depth + 1, inOr: true }
  return value.map((alternative, position) => objectPattern(alternative, `${field}[${position}]`, inside))
}

const fieldPattern = (
  value: Tagged,
  field: string,
  { depth, inOr }: Place,
): { test: FieldTest; onlyAbsence: boolean } => {
  if (Array.isArray(value)) return leafPattern(value as readonly Tagged[], field)
  const inner = objectPattern(value, field, { depth: depth + 1, inOr })
  return { test: (found) => holdsIn(inner, found), onlyAbsence: inner.onlyAbsence }
}

/** A test of the field that is text or JSON: a list of values is a pattern of text, an object a pattern of JSON. */
const ofOwnKind =
  (pattern: Tagged, test: FieldTest): FieldTest =>
  (value) =>
    (typeof value === 'string') === Array.isArray(pattern) && test(value)

/** Compiles the list of values of which a field must have one. */
const leafPattern = (values: readonly Tagged[], field: string): { test: FieldTest; onlyAbsence: boolean } => {
  if (values.length === 0) throw invalid(field, 'empty', 'must have a value')
  const texts = new Set<string>()
  const tests: ScalarTest[] = []
  let absent = false
  for (const [position, value] of values.entries()) {
    const at = `${field}[${position}]`
    const text = scalarText(value)
    if (text !== undefined) texts.add(text)
    else if (!isObject(value))
      throw invalid(at, 'a list', 'must be a string, a number, true, false, null or an operator')
    else {
      const { name, operand } = operatorIn(value, at)
      if (name !== 'exists') tests.push(operatorTest(name, operand, at))
      else if (typeof operand !== 'boolean') throw invalid(`${at}.exists`, plain(operand), 'must be true or false')
      else if (operand) tests.push(() => true)
      else absent = true
    }
  }
  const test: FieldTest = (found) => {
    const scalars = flattened(found).flatMap((one) => scalarText(one) ?? [])
    if (scalars.length === 0) return absent
    return scalars.some((scalar) => texts.has(scalar) || tests.some((one) => one(scalar)))
  }
  return { test, onlyAbsence: absent && texts.size === 0 && tests.length === 0 }
}

/** Whether one of the objects in a value matches. A pattern that only requires absent fields must match all of them. */
const holdsIn = (pattern: ObjectPattern, value: Tagged | undefined): boolean => {
  const objects = flattened(value).filter(isObject)
  if (objects.length === 0) return holds(pattern, undefined)
  return pattern.onlyAbsence
    ? objects.every((object) => holds(pattern, object))
    : objects.some((object) => holds(pattern, object))
}

const holds = ({ fields, alternatives }: ObjectPattern, object: TaggedObject | undefined): boolean =>
  fields.every(({ name, test }) => test(member(object, name))) &&
  alternatives.every((some) => some.some((one) => holds(one, object)))
