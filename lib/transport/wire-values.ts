import { base64, bytesOfBase64 } from '../model/base64.ts'
import { HoldfastError } from '../model/errors.ts'

/** JSON of the HTTP API. Members that this version does not know are ignored, so that the client works with a newer server. */
export type Wire = Readonly<Record<string, unknown>>

/**
 * Values of an answer. Something else than Holdfast may have written it, such as a proxy, so each value is checked before it counts:
 * an ack must not succeed because a page of a proxy has a member `ok`.
 *
 * @throws `StoreUnavailable`, since the outcome of the request is unknown
 */
export const notHoldfast = (wanted: string): HoldfastError =>
  new HoldfastError('StoreUnavailable', `the answer has not ${wanted}: is that a Holdfast API?`)

export const isObject = (value: unknown): value is Wire =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const objectOf = (value: unknown, wanted: string): Wire => {
  if (isObject(value)) return value
  throw notHoldfast(wanted)
}

export const objectIn = (json: Wire, name: string): Wire => objectOf(json[name], `an object ${name}`)

export const textIn = (json: Wire, name: string): string => {
  const value = json[name]
  if (typeof value === 'string') return value
  throw notHoldfast(`a text ${name}`)
}

/** A whole number from 0 on. */
export const countIn = (json: Wire, name: string): number => {
  const value = json[name]
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw notHoldfast(`a number ${name}`)
}

/** `Date.parse` alone would take many texts that no clock wrote. */
const INSTANT = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d/

/** Epoch ms of an instant in ISO 8601. */
export const instantIn = (json: Wire, name: string): number => {
  const text = textIn(json, name)
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(at)) return at
  throw notHoldfast(`an instant ${name}`)
}

export const bytesIn = (json: Wire, name: string): Uint8Array => {
  const text = textIn(json, name)
  const bytes = bytesOfBase64(text)
  if (base64(bytes) === text) return bytes
  throw notHoldfast(`base64 in ${name}`)
}

/** The members of these names that the answer has, each read by `read`. */
export const present = <K extends string, T>(
  json: Wire,
  names: readonly K[],
  read: (json: Wire, name: K) => T,
): { [P in K]?: T } =>
  Object.fromEntries(names.flatMap((name) => (json[name] === undefined ? [] : [[name, read(json, name)]]))) as {
    [P in K]?: T
  }
