import { BlockList, isIP } from 'node:net'
import { invalid, unknownField } from '../../model/errors.ts'
import { flattened, isObject, scalarText, type Tagged, type TaggedObject } from './tagged-json.ts'
import { wildcardMatcher, wildcardParts } from './wildcard.ts'

/** Whether a scalar, as `scalarText` writes it, is what an operator asks for. */
export type ScalarTest = (scalar: string) => boolean

/**
 * The operators of EventBridge's patterns, but `exists`, which asks for no value.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
const OPERATORS: Readonly<Record<string, (operand: Tagged, field: string) => ScalarTest>> = {
  prefix: (operand, field) => affix(operand, field, (text, part) => text.startsWith(part)),
  suffix: (operand, field) => affix(operand, field, (text, part) => text.endsWith(part)),
  'equals-ignore-case': (operand, field) => equalsIgnoringCase(stringIn(operand, field)),
  wildcard: (operand, field) => wildcard(stringIn(operand, field), field),
  numeric: (operand, field) => numeric(operand, field),
  cidr: (operand, field) => cidr(stringIn(operand, field), field),
  'anything-but': (operand, field) => anythingBut(operand, field),
}

export const OPERATOR_NAMES: readonly string[] = [...Object.keys(OPERATORS), 'exists']

/** The only member of an operator's object. @throws `InvalidRequest` */
export const operatorIn = (object: TaggedObject, field: string): { name: string; operand: Tagged } => {
  const [[key, operand] = ['', null], ...others] = Object.entries(object)
  if (key === '' || others.length > 0) {
    throw invalid(
      field,
      Object.keys(object).map((name) => name.slice(1)),
      'must have one operator alone',
    )
  }
  return { name: key.slice(1), operand }
}

/** @throws `InvalidRequest` */
export const operatorTest = (name: string, operand: Tagged, field: string): ScalarTest => {
  const make = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  if (!make) throw unknownField(`${field}.${name}`, undefined, OPERATOR_NAMES)
  return make(operand, `${field}.${name}`)
}

const onStrings =
  (test: (text: string) => boolean): ScalarTest =>
  (scalar) =>
    scalar[0] === 's' && test(scalar.slice(1))

const stringIn = (operand: Tagged, field: string): string => {
  if (typeof operand === 'string' && operand[0] === 's') return operand.slice(1)
  throw invalid(field, plain(operand), 'must be a string')
}

/** What a pattern holds, as its author wrote it. */
export const plain = (operand: Tagged): unknown => {
  const scalar = scalarText(operand)
  if (scalar === undefined) return Array.isArray(operand) ? 'a list' : 'an object'
  return scalar[0] === 's' ? scalar.slice(1) : JSON.parse(scalar.slice(1))
}

const affix = (operand: Tagged, field: string, has: (text: string, part: string) => boolean): ScalarTest => {
  if (!isObject(operand)) {
    const part = stringIn(operand, field)
    return onStrings((text) => has(text, part))
  }
  const { name, operand: inner } = operatorIn(operand, field)
  if (name !== 'equals-ignore-case') throw unknownField(`${field}.${name}`, undefined, ['equals-ignore-case'])
  const part = stringIn(inner, `${field}.${name}`).toLowerCase()
  return onStrings((text) => has(text.toLowerCase(), part))
}

const equalsIgnoringCase = (wanted: string): ScalarTest => {
  const lower = wanted.toLowerCase()
  return onStrings((text) => text.toLowerCase() === lower)
}

const wildcard = (text: string, field: string): ScalarTest => {
  const parts = wildcardParts(text)
  if (!parts) {
    throw invalid(field, text, 'must not have two asterisks in a row, nor a backslash before anything but * and \\')
  }
  return onStrings(wildcardMatcher(parts))
}

const cidr = (text: string, field: string): ScalarTest => {
  const [address = '', bits = '', ...others] = text.split('/')
  const family = isIP(address)
  const most = family === 6 ? 128 : 32
  if (family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most || others.length > 0) {
    throw invalid(field, text, 'must be a range of addresses such as 10.0.0.0/24')
  }
  const range = new BlockList()
  const kind = (version: number) => (version === 6 ? 'ipv6' : 'ipv4')
  range.addSubnet(address, Number(bits), kind(family))
  return onStrings((candidate) => {
    const version = isIP(candidate)
    return version === family && range.check(candidate, kind(version))
  })
}

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
}

/** One comparison, or a lower and an upper bound. */
const numeric = (operand: Tagged, field: string): ScalarTest => {
  const parts = Array.isArray(operand) ? (operand as readonly Tagged[]) : []
  if (parts.length !== 2 && parts.length !== 4) {
    throw invalid(field, plain(operand), 'must be a list such as ["=", 5] or [">", 0, "<=", 5]')
  }
  const signs: string[] = []
  const tests: ((value: number) => boolean)[] = []
  for (let at = 0; at < parts.length; at += 2) {
    const sign = stringIn(parts[at] as Tagged, `${field}[${at}]`)
    const compare = Object.hasOwn(COMPARISONS, sign) ? COMPARISONS[sign] : undefined
    if (!compare) throw invalid(`${field}[${at}]`, sign, 'must be one of = < <= > >=')
    const bound = parts[at + 1] as Tagged
    if (typeof bound !== 'string' || bound[0] !== 'n')
      throw invalid(`${field}[${at + 1}]`, plain(bound), 'must be a number')
    signs.push(sign[0] as string)
    tests.push((value) => compare(value, Number(bound.slice(1))))
  }
  if (parts.length === 4 && signs.toSorted().join('') !== '<>') {
    throw invalid(field, signs.join(' '), 'must have a lower and an upper bound, where it has two')
  }
  return (scalar) => scalar[0] === 'n' && tests.every((test) => test(Number(scalar.slice(1))))
}

/** Any value but those named: strings, numbers, or what an operator on strings describes. */
const anythingBut = (operand: Tagged, field: string): ScalarTest => {
  if (!isObject(operand)) {
    const values = new Set(namedIn(operand, field))
    if (new Set([...values].map((value) => value[0])).size > 1) {
      throw invalid(field, 'both', 'must have strings alone or numbers alone')
    }
    return (scalar) => !values.has(scalar)
  }
  const { name, operand: inner } = operatorIn(operand, field)
  const allowed = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard']
  if (!allowed.includes(name)) throw unknownField(`${field}.${name}`, undefined, allowed)
  const tests = namedIn(inner, `${field}.${name}`).map((one) => {
    if (one === 's') throw invalid(`${field}.${name}`, '', 'must not be empty')
    return operatorTest(name, one, field)
  })
  return (scalar) => !tests.some((test) => test(scalar))
}

/** One string or number, or several. */
const namedIn = (operand: Tagged, field: string): string[] => {
  const values = Array.isArray(operand) ? (operand as readonly Tagged[]) : [operand]
  if (values.length === 0 || flattened(values).length !== values.length) {
    throw invalid(field, plain(operand), 'must be a string, a number, or a list of them')
  }
  return values.map((value) => {
    if (typeof value !== 'string') throw invalid(field, plain(value), 'must be a string, a number, or a list of them')
    return value
  })
}
