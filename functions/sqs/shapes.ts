/**
 * Describes the input and output of actions for both protocols. JSON uses the member names; the query form also uses
 * the `flattened` names, under which it numbers the members of lists and maps.
 */
export type Shape = StringShape | IntegerShape | BooleanShape | BlobShape | ListShape | MapShape | StructureShape

interface StringShape {
  readonly kind: 'string'
}
interface IntegerShape {
  readonly kind: 'integer'
}
interface BooleanShape {
  readonly kind: 'boolean'
}
/** Bytes; base64 in both protocols. */
interface BlobShape {
  readonly kind: 'blob'
}
export interface ListShape<M extends Shape = Shape> {
  readonly kind: 'list'
  readonly member: M
  readonly flattened: string
}
export interface MapShape<V extends Shape = Shape> {
  readonly kind: 'map'
  readonly value: V
  readonly flattened: string
  /** Name of an entry's key in the query form. The name of its value is always `Value`. */
  readonly keyName: 'Name' | 'Key'
}
export interface StructureShape<M extends Members = Members> {
  readonly kind: 'structure'
  readonly members: M
  /** Members without which the protocol refuses the request. */
  readonly required: readonly string[]
}
export type Members = { readonly [name: string]: Shape }

/** The decoded value of a shape. The type has every member optional, required ones too. */
export type Value<S extends Shape> = S extends StringShape
  ? string
  : S extends IntegerShape
    ? number
    : S extends BooleanShape
      ? boolean
      : S extends BlobShape
        ? Uint8Array
        : S extends ListShape<infer M>
          ? readonly Value<M>[]
          : S extends MapShape<infer V>
            ? Readonly<Record<string, Value<V>>>
            : S extends StructureShape<infer M>
              ? { readonly [K in keyof M]?: Value<M[K]> | undefined }
              : never

export const string = { kind: 'string' } as const
export const integer = { kind: 'integer' } as const
export const boolean = { kind: 'boolean' } as const
export const blob = { kind: 'blob' } as const

export const list = <const M extends Shape>(member: M, flattened: string): ListShape<M> => ({
  kind: 'list',
  member,
  flattened,
})
export const map = <const V extends Shape>(
  value: V,
  flattened: string,
  keyName: 'Name' | 'Key' = 'Name',
): MapShape<V> => ({ kind: 'map', value, flattened, keyName })

export const structure = <const M extends Members>(members: M, required: readonly (keyof M & string)[] = []) =>
  ({ kind: 'structure', members, required }) satisfies StructureShape<M>
