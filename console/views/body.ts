import { gunzipSync } from 'node:zlib'
import { JSON_DEPTH } from '../../functions/http/request-body.ts'
import { isWithin } from '../../functions/runtime/json-bounds.ts'

/** A body as people read it. */
export interface DecodedBody {
  readonly kind: 'JSON' | 'text' | 'bytes'
  readonly text: string
  /** Bytes of the whole body, as it was sent. */
  readonly bytes: number
  /** What was done to it: `gzip`, `base64`. */
  readonly steps: readonly string[]
  /** Whether `text` is only the beginning. */
  readonly cut: boolean
}

const MOST_CHARACTERS = 64_000
const MOST_BYTES_UNPACKED = 4_000_000
const HEX_BYTES = 1_024
/** JSON beyond this is shown as it is: its indents would take hundreds of megabytes, or its depth the stack. */
const INDENTED = { depth: JSON_DEPTH, values: 50_000 }

export interface BodyGiven {
  readonly body?: unknown
  readonly bodyBase64?: string | undefined
}

/**
 * Decodes a body: JSON in text, text in bytes, and what gzip has packed. What can't be decoded is shown as bytes.
 *
 * @param most bytes that gzip may unpack to: more is not decoded
 */
export const decodedBody = ({ body, bodyBase64 }: BodyGiven, most = MOST_BYTES_UNPACKED): DecodedBody => {
  if (bodyBase64 !== undefined) return decodedBytes(Buffer.from(bodyBase64, 'base64'), [], most)
  if (typeof body === 'string') return decodedText(body, Buffer.byteLength(body), [], most)
  const compact = JSON.stringify(body) ?? ''
  const text = isWithin(compact, INDENTED) ? (JSON.stringify(body, null, 2) ?? '') : compact
  return cut({ kind: 'JSON', text, bytes: Buffer.byteLength(compact), steps: [] })
}

const decodedText = (text: string, bytes: number, steps: readonly string[], most: number): DecodedBody => {
  const inner = parsed(text)
  if (typeof inner === 'object' && inner !== null) {
    return cut({ kind: 'JSON', text: JSON.stringify(inner, null, 2), bytes, steps })
  }
  const packed = /^H4sI[\w+/]+={0,2}$/.test(text) ? unpacked(Buffer.from(text, 'base64'), most) : undefined
  if (packed) return { ...decodedBytes(packed, [...steps, 'base64', 'gzip'], most), bytes }
  return cut({ kind: 'text', text, bytes, steps })
}

const decodedBytes = (bytes: Buffer, steps: readonly string[], most: number): DecodedBody => {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b ? unpacked(bytes, most) : undefined
  if (packed && !steps.includes('gzip')) {
    return { ...decodedBytes(packed, [...steps, 'gzip'], most), bytes: bytes.length }
  }
  const text = utf8(bytes)
  if (text !== undefined) return decodedText(text, bytes.length, [...steps, 'UTF-8'], most)
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

const unpacked = (bytes: Buffer, most: number): Buffer | undefined => {
  try {
    return gunzipSync(bytes, { maxOutputLength: most })
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
  text: decoded.text.slice(0, MOST_CHARACTERS),
  cut: decoded.text.length > MOST_CHARACTERS,
})
