import { refuse } from './carriable.ts'
import type { TextCodec } from './text-codec.ts'

/** Text as it is, as SQS clients send it. */
export const textCodec = (): TextCodec<string> => ({
  name: 'text',
  encode: (body) => {
    if (typeof body !== 'string') refuse('body', `of type ${typeof body}`, 'the text codec does not carry')
    if (!body.isWellFormed()) refuse('body', 'text with a lone surrogate', 'has no UTF-8 form')
    return body
  },
  decode: (body) => {
    if (typeof body !== 'string') throw new TypeError('the body is not text')
    return body
  },
  decodeText: (shown) => shown,
})
