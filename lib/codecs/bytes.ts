import { refuse } from './carriable.ts'
import type { TextCodec } from './text-codec.ts'

/** Bytes as they are. The SQS endpoint shows them as base64. */
export const bytesCodec = (): TextCodec<Uint8Array> => ({
  name: 'bytes',
  encode: (body) => {
    if (!(body instanceof Uint8Array)) refuse('body', `of type ${typeof body}`, 'the bytes codec does not carry')
    return body
  },
  decode: (body) => {
    if (!(body instanceof Uint8Array)) throw new TypeError('the body does not hold bytes')
    return body
  },
  decodeText: (shown) => new Uint8Array(Buffer.from(shown, 'base64')),
})
