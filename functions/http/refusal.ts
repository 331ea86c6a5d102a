import type * as z from 'zod/mini'
import { HoldfastError, invalid, unknownField } from '../../lib/model/errors.ts'

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
    const value = valueAt(input, full)
    return unknownField(pathName(full, where), isQuotable(full, value) ? value : undefined, fieldsAt(shape, path))
  }
  const field = pathName(path, where)
  if (found.code === 'invalid_key') {
    const name = JSON.stringify(String(path.at(-1))).slice(0, MAX_SHOWN_NAME)
    const rule = requirement(found.issues[0] as Issue)
    const place = pathName(path.slice(0, -1), where)
    return new HoldfastError('InvalidRequest', `the name ${name} in ${place} ${rule}`, { field })
  }
  const value = valueAt(input, path)
  if (isQuotable(path, value)) return invalid(field, value, requirement(found))
  return new HoldfastError('InvalidRequest', `${field} ${requirement(found)}, but is ${kindOf(value)}`, { field })
}

/** Characters of a name that an error shows. */
const MAX_SHOWN_NAME = 100

/** An unknown field is reported before a missing one, because it is probably that field, mistyped. */
const tellingIssue = (issues: readonly Issue[]): Issue | undefined =>
  issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]

/** The issue to report. For a union it is an issue of the branch that came closest: the one with a fault inside the value. */
const deepest = (issue: Issue, before: Path = []): { path: Path; found: Issue } => {
  const path = [...before, ...issue.path]
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find(([first]) => first && (first.path.length > 0 || first.code !== 'invalid_type'))
    const inner = branch && tellingIssue(branch)
    if (inner) return deepest(inner, path)
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
      return `must be ${alternatives(issue.values.map((value) => JSON.stringify(value)))}`
    case 'invalid_union':
      return `must be ${alternatives(issue.errors.map(expectedBy))}`
    default:
      return issue.message
  }
}

/** `a`, `a or b`, `a, b or c` */
const alternatives = (all: readonly string[]): string =>
  all.length < 2 ? all.join() : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`

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

/** A path as the public API writes it, such as `messages[0].delaySeconds`; `where` for the whole value. */
export const pathName = (path: Path, where: string): string => {
  let name = ''
  // A fault of an empty key is reported as a fault of its object.
  for (const key of path.filter((one) => one !== ''))
    name += typeof key === 'number' ? `[${key}]` : memberName(String(key), name)
  return name === '' ? where : name
}

/** A member's name after the path before it. A name with a dot is quoted: `queues["payments.fifo"]`. */
const memberName = (key: string, before: string): string => {
  if (key.includes('.') && before !== '') return `[${JSON.stringify(key)}]`
  return before === '' ? key : `.${key}`
}

const valueAt = (input: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, key) ? (value as never)[key] : undefined,
    input,
  )

/** The content of a message never appears in an answer or a log. */
const PAYLOAD = new Set<PropertyKey>(['body', 'bodyBase64', 'attributes'])

/** Whether an error may show a value: an object or a list can hold the content of a message. */
const isQuotable = (path: Path, value: unknown): boolean =>
  value === undefined || (!path.some((key) => PAYLOAD.has(key)) && (value === null || typeof value !== 'object'))

const kindOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of ${value.length} ${value.length === 1 ? 'element' : 'elements'}`
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
