import { HoldfastError } from '../model/errors.ts'

/** Deeper values are refused: `JSON.stringify` and MessagePack's encoder recurse, and run out of stack. */
const MAX_DEPTH = 500

export const refuse = (path: string, what: string, advice: string): never => {
  throw new HoldfastError('InvalidRequest', `${path} is ${what}, which ${advice}`, { field: path, value: what })
}

/** Refuses a value that is not plain data, unless the codec can carry it. */
export type Exceptions = (value: object, path: string) => boolean

/**
 * Refuses values that a codec would not give back unchanged. The error names the path to the value: functions, symbols, undefined, NaN, lone
 * surrogates, instances of classes, cycles. `-0` passes, and comes back as 0 from JSON.
 *
 * @param carries whether an object that is no plain one is carried by the codec itself
 * @param refusedKeys names of members that the codec can't read back
 */
export const checkCarriable = (
  value: unknown,
  codec: string,
  carries: Exceptions = () => false,
  refusedKeys: ReadonlySet<string> = new Set(),
): void => visit({ codec, carries, refusedKeys, open: new Set() }, value, 'body', 0)

interface Visit {
  readonly codec: string
  readonly carries: Exceptions
  readonly refusedKeys: ReadonlySet<string>
  /** The containers around the value. */
  readonly open: Set<object>
}

const visit = (visiting: Visit, here: unknown, path: string, depth: number): void => {
  const { codec } = visiting
  switch (typeof here) {
    case 'string':
      if (!here.isWellFormed()) refuse(path, 'text with a lone surrogate', 'has no UTF-8 form')
      return
    case 'number':
      if (!Number.isFinite(here)) refuse(path, String(here), `${codec} does not carry`)
      return
    case 'boolean':
      return
    case 'object':
      if (here !== null && !visiting.carries(here, path)) visitContainer(visiting, here, path, depth)
      return
    case 'undefined':
      refuse(path, 'undefined', `${codec} does not carry: leave the member out, or use null`)
      return
    default:
      refuse(path, `a ${typeof here}`, `${codec} does not carry`)
  }
}

const visitContainer = (visiting: Visit, here: object, path: string, depth: number): void => {
  const { codec, open } = visiting
  if (open.has(here)) refuse(path, 'a value that holds itself', 'has no end')
  if (depth >= MAX_DEPTH) refuse(path, `nested more than ${MAX_DEPTH} levels deep`, `${codec} does not carry`)
  if (Object.getOwnPropertySymbols(here).length > 0) refuse(path, 'an object with symbol keys', `${codec} would drop`)
  open.add(here)
  if (Array.isArray(here)) {
    if (Object.keys(here).length !== here.length) refuse(path, 'an array with holes or names', `${codec} would change`)
    for (let index = 0; index < here.length; index++) visit(visiting, here[index], `${path}[${index}]`, depth + 1)
  } else {
    checkPlain(here, path, codec)
    visitMembers(visiting, here, path, depth)
  }
  open.delete(here)
}

const visitMembers = (visiting: Visit, here: object, path: string, depth: number): void => {
  for (const [key, member] of Object.entries(here)) {
    if (visiting.refusedKeys.has(key)) {
      refuse(path, `an object with the key ${key}`, `${visiting.codec} does not carry`)
    }
    if (!key.isWellFormed()) refuse(path, 'an object with a lone surrogate in a key', 'has no UTF-8 form')
    const inner = /^[\w$]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
    visit(visiting, member, inner, depth + 1)
  }
}

const checkPlain = (here: object, path: string, codec: string): void => {
  const prototype: unknown = Object.getPrototypeOf(here)
  // By name beside identity: plain objects of another realm, such as a test runner's, are plain all the same.
  const plain = prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
  if (plain && typeof (here as { toJSON?: unknown }).toJSON !== 'function') return
  refuse(path, `an instance of ${here.constructor?.name || 'a class'}`, `${codec} does not carry back as it was`)
}
