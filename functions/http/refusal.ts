import type * as z from 'zod/mini'
import { type HoldfastError, invalid, unknownField } from '../../lib/model/errors.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** The value if it has the shape. @throws `InvalidRequest` naming the first field at fault, its value, and what it takes */
export const checked = <S extends z.ZodMiniType>(shape: S, value: unknown, where: string): z.output<S> => {
  const result = shape.safeParse(value)
  if (result.success) return result.data
  const issue = tellingIssue(result.error.issues)
  throw issue ? refusal(issue, value, { where, shape }) : invalid(where, undefined, 'is refused')
}

interface Checked {
  readonly where: string
  readonly shape: z.core.$ZodType
}

const refusal = (issue: Issue, input: unknown, { where, shape }: Checked): HoldfastError => {
  const { path, found } = deepest(issue)
  if (found.code === 'unrecognized_keys') {
    const [key = ''] = found.keys
    const full = [...path, key]
    return unknownField(nameOf(full, where), quotable(full, valueAt(input, full)), fieldsAt(shape, path))
  }
  return invalid(nameOf(path, where), quotable(path, valueAt(input, path)), requirement(found))
}

/** An unknown field is told before a missing one: it is the same field, mistyped, as likely as not. */
const tellingIssue = (issues: readonly Issue[]): Issue | undefined =>
  issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]

/** Of a union the branch that came closest: the one whose complaint is about something inside the value. */
const deepest = (issue: Issue, before: Path = []): { path: Path; found: Issue } => {
  const path = [...before, ...issue.path]
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find(([first]) => first && (first.path.length > 0 || first.code !== 'invalid_type'))
    const told = branch && tellingIssue(branch)
    if (told) return deepest(told, path)
  }
  return { path, found: issue }
}

/** The fields of the objects that a shape has at a path. */
const fieldsAt = (shape: z.core.$ZodType, [key, ...rest]: Path): string[] => {
  const { def } = (shape as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
      return fieldsAt(def.innerType, key === undefined ? [] : [key, ...rest])
    case 'union':
      return def.options.flatMap((option) => fieldsAt(option, key === undefined ? [] : [key, ...rest]))
    case 'array':
      return key === undefined ? [] : fieldsAt(def.element, rest)
    case 'record':
      return key === undefined ? [] : fieldsAt(def.valueType, rest)
    case 'object': {
      if (key === undefined) return Object.keys(def.shape)
      const inner = Object.hasOwn(def.shape, key) ? def.shape[String(key)] : undefined
      return inner ? fieldsAt(inner, rest) : []
    }
    default:
      return []
  }
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
