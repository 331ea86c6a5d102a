import { invalid, unknownField } from './errors.ts'

/** The name of each field of an options type. The compiler refuses a record that lacks one. */
export type FieldNames<T> = { readonly [K in keyof Required<T>]: true }

/**
 * Returns options whose fields are all known: an option with a mistyped name would have no effect. A field that is `undefined`
 * counts as absent.
 *
 * @param path the field that holds the options, for the error
 * @throws `InvalidRequest`
 */
export const knownFields = <T extends object>(given: T, fields: Readonly<Record<string, true>>, path = ''): T => {
  if (typeof given !== 'object' || given === null) throw invalid(path || 'options', given, 'must be an object')
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || Object.hasOwn(fields, name)) continue
    throw unknownField(path === '' ? name : `${path}.${name}`, value, Object.keys(fields))
  }
  return given
}
