import { gunzipSync } from 'node:zlib'
import { JSON_DEPTH } from '../../functions/http/request-body.ts'
import { isWithin } from '../../functions/runtime/json-bounds.ts'

/** A body in readable form. */
export interface DecodedBody {
  readonly kind: 'JSON' | 'text' | 'bytes'
  readonly text: string
  /** Bytes of the whole body, as it was published. */
  readonly bytes: number
  /** The decodings, in their order: `gzip`, `base64`. */
  readonly steps: readonly string[]
  /** Whether `text` is only the beginning. */
  readonly cut: boolean
}

const MAX_CHARACTERS = 64_000
const MAX_UNPACKED_BYTES = 4_000_000
const HEX_BYTES = 1_024
/**
 * JSON beyond these limits is shown without indents: they could take hundreds of megabytes, and a great depth could overflow
 * the stack.
 */
const INDENTED = { depth: JSON_DEPTH, values: 50_000 }

export interface BodyGiven {
  readonly body?: unknown
  readonly bodyBase64?: string | undefined
}

/**
 * Decodes a body: JSON in text, text in bytes, and gzip. Other bytes are shown in hex.
 *
 * @param maxBytes limit of the bytes that gzip unpacks to: beyond it, the body is not unpacked
 */
export const decodedBody = ({ body, bodyBase64 }: BodyGiven, maxBytes = MAX_UNPACKED_BYTES): DecodedBody => {
  if (bodyBase64 !== undefined) return decodedBytes(Buffer.from(bodyBase64, 'base64'), [], maxBytes)
  if (typeof body === 'string') return decodedText(body, Buffer.byteLength(body), [], maxBytes)
  const compact = JSON.stringify(body) ?? ''
  const text = isWithin(compact, INDENTED) ? (JSON.stringify(body, null, 2) ?? '') : compact
  return cut({ kind: 'JSON', text, bytes: Buffer.byteLength(compact), steps: [] })
}

const decodedText = (text: string, bytes: number, steps: readonly string[], maxBytes: number): DecodedBody => {
  const inner = parsed(text)
  if (typeof inner === 'object' && inner !== null) {
    return cut({ kind: 'JSON', text: JSON.stringify(inner, null, 2), bytes, steps })
  }
  const packed = /^H4sI[\w+/]+={0,2}$/.test(text) ? unpacked(Buffer.from(text, 'base64'), maxBytes) : undefined
  if (packed) return { ...decodedBytes(packed, [...steps, 'base64', 'gzip'], maxBytes), bytes }
  return cut({ kind: 'text', text, bytes, steps })
}

const decodedBytes = (bytes: Buffer, steps: readonly string[], maxBytes: number): DecodedBody => {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b ? unpacked(bytes, maxBytes) : undefined
  if (packed && !steps.includes('gzip')) {
    return { ...decodedBytes(packed, [...steps, 'gzip'], maxBytes), bytes: bytes.length }
  }
  const text = utf8(bytes)
  if (text !== undefined) return decodedText(text, bytes.length, [...steps, 'UTF-8'], maxBytes)
  const head = bytes
    .subarray(0, HEX_BYTES)
    .toString('hex')
    .replace(/(.{2})(?!$)/g, '$1 ')
  return { kind: 'bytes', text: head, bytes: bytes.length, steps, cut: bytes.length > HEX_BYTES }
}

const utf8 = (bytes: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const unpacked = (bytes: Buffer, maxBytes: number): Buffer | undefined => {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes })
  } catch {
    return undefined
  }
}

const parsed = (text: string): unknown => {
  if (!/^\s*[[{]/.test(text) || !isWithin(text, INDENTED)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const cut = (decoded: Omit<DecodedBody, 'cut'>): DecodedBody => ({
  ...decoded,
  text: decoded.text.slice(0, MAX_CHARACTERS),
  cut: decoded.text.length > MAX_CHARACTERS,
})
