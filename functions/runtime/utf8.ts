import { isUtf8 } from 'node:buffer'

/**
 * The text in bytes; undefined if they are not UTF-8. Decoders would replace each invalid byte by U+FFFD, and so store
 * another message than the one sent.
 */
export const utf8Text = (bytes: Uint8Array): string | undefined =>
  isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : undefined

const BEYOND_ASCII = /%[89A-Fa-f][\dA-Fa-f]/
const ENCODED = /(?:%[\dA-Fa-f]{2})+/g

/** Whether what is percent-encoded in a form or query string is UTF-8. */
export const isUtf8Encoded = (text: string): boolean => {
  if (!BEYOND_ASCII.test(text)) return true
  for (const [run] of text.matchAll(ENCODED)) {
    if (!isUtf8(Buffer.from(run.replaceAll('%', ''), 'hex'))) return false
  }
  return true
}
