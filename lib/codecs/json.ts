import type { Body, JsonValue } from '../model/message.ts'
import { checkCarriable } from './carriable.ts'
import type { TextCodec } from './text-codec.ts'

/**
 * A constraint to types that JSON gives back unchanged: `T extends Json<T>`. It maps over the type, so that an `interface`
 * fits, which has no index signature; a member of another kind (Date, bigint, Map, a function) becomes `never`, and the
 * type does not fit any more.
 */
export type Json<T> = { [K in keyof T]: Member<T[K]> }

type Member<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends bigint | symbol | ((...parameters: never[]) => unknown)
    ? never
    : unknown extends T
      ? T
      : Json<T>

export interface JsonOptions {
  /**
   * How to read a message that was published as text, as every message of an SQS client is: return the text, or parse it as JSON. With `parse` a text published here must be JSON as well.
   *
   * @default keep
   */
  readonly text?: 'keep' | 'parse'
}

/** JSON, the default: objects, lists, numbers, booleans and null; a string is stored as text. */
export const jsonCodec = <T = unknown>({ text = 'keep' }: JsonOptions = {}): TextCodec<T> => ({
  name: 'JSON',
  encode: (body) => {
    checkCarriable(body, 'JSON')
    return body as JsonValue
  },
  decode: (body: Body) => {
    if (body instanceof Uint8Array) throw new TypeError('the body holds bytes, not JSON')
    return (typeof body === 'string' && text === 'parse' ? JSON.parse(body) : body) as T
  },
  decodeText: (shown) => JSON.parse(shown) as T,
})
