import { decode, Encoder } from '@msgpack/msgpack'
import { checkCarriable, refuse } from './carriable.ts'
import type { TextCodec } from './text-codec.ts'

/** The decoder refuses this one, lest it set a prototype. */
const REFUSED_KEYS = new Set(['__proto__'])

/** MessagePack, for bodies with bytes or dates in them, or where JSON is too large. Dates come back as dates. */
export const messagePackCodec = <T = unknown>(): TextCodec<T> => {
  const encoder = new Encoder({ ignoreUndefined: false, maxDepth: 600 })
  return {
    name: 'MessagePack',
    encode: (body) => {
      // The encoder would write Map and Set as empty without a word, and undefined as nil.
      checkCarriable(body, 'MessagePack', carries, REFUSED_KEYS)
      return encoder.encode(body)
    },
    decode: (body) => {
      if (!(body instanceof Uint8Array)) throw new TypeError('the body does not hold MessagePack bytes')
      return decode(body) as T
    },
    decodeText: (shown) => decode(Buffer.from(shown, 'base64')) as T,
  }
}

/** Bytes and dates have types of their own in MessagePack. */
const carries = (value: object, path: string): boolean => {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) refuse(path, 'an invalid date', 'MessagePack does not carry')
    return true
  }
  return Object.getPrototypeOf(value) === Uint8Array.prototype
}
