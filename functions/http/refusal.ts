import type * as z from 'zod/mini'
import { type HoldfastError, invalid } from '../../lib/model/errors.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** The value if it has the shape. @throws `InvalidRequest` naming the first field at fault, its value, and what it takes */
export const checked = <S extends z.ZodMiniType>(shape: S, value: unknown, where: string): z.output<S> => {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw issue ? refusal(issue, value, where) : invalid(where, undefined, 'is refused')
}

const refusal = (issue: Issue, input: unknown, where: string): HoldfastError => {
  const { path, found } = deepest(issue)
  if (found.code === 'unrecognized_keys') {
    const [key = ''] = found.keys
    const full = [...path, key]
    return invalid(nameOf(full, where), quotable(full, valueAt(input, full)), 'is not a field that is known here')
  }
  return invalid(nameOf(path, where), quotable(path, valueAt(input, path)), requirement(found))
}

/** Of a union the branch that came closest: the one whose complaint is about something inside the value. */
const deepest = (issue: Issue, before: Path = []): { path: Path; found: Issue } => {
  const path = [...before, ...issue.path]
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find(([first]) => first && (first.path.length > 0 || first.code !== 'invalid_type'))
    if (branch?.[0]) return deepest(branch[0], path)
  }
  return { path, found: issue }
}

const requirement = (issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${EXPECTED[issue.expected] ?? `of type ${issue.expected}`}`
    case 'too_small':
      return `must ${sized(issue.origin, 'at least', Number(issue.minimum))}`
    case 'too_big':
      return `must ${sized(issue.origin, 'at most', Number(issue.maximum))}`
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`
    case 'invalid_union':
      return `must be ${issue.errors.map(expectedBy).join(' or ')}`
    case 'invalid_key':
      return `must be a name that ${requirement(issue.issues[0] as Issue)}`
    default:
      return issue.message
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
}

const expectedBy = ([first]: readonly Issue[]): string =>
  first?.code === 'invalid_type' ? (EXPECTED[first.expected] ?? first.expected) : 'another value'

const sized = (origin: string, bound: string, limit: number): string => {
  if (origin === 'string') return `have ${bound} ${limit} ${limit === 1 ? 'character' : 'characters'}`
  if (origin === 'array') return `hold ${bound} ${limit} ${limit === 1 ? 'element' : 'elements'}`
  return `be ${bound} ${limit}`
}

/** `messages[0].delaySeconds`, as the public API spells it; `where` stands for the whole. */
const nameOf = (path: Path, where: string): string => {
  let name = ''
  for (const key of path) name += typeof key === 'number' ? `[${key}]` : name === '' ? String(key) : `.${String(key)}`
  return name === '' ? where : name
}

const valueAt = (input: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, key) ? (value as never)[key] : undefined,
    input,
  )

/** What a publisher put into a message is never repeated, in answers or logs. */
const PAYLOAD = new Set<PropertyKey>(['body', 'bodyBase64', 'attributes'])

const quotable = (path: Path, value: unknown): unknown => {
  if (path.some((key) => PAYLOAD.has(key))) return `(${kindOf(value)})`
  if (value === null || typeof value !== 'object') return value
  return `(${kindOf(value)})`
}

const kindOf = (value: unknown): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? `list of ${value.length}`
        : typeof value
