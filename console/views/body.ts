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
const HEX_BYTES = 1_024

/** What a body may take to be shown. */
export interface ShownBounds {
  /** Bytes that gzip unpacks to: beyond them, a body is not unpacked. */
  readonly unpackedBytes: number
  /**
   * Values of JSON that is shown with indents. The indents of a hundred kilobytes of deep JSON take twenty megabytes, and a great depth
   * could overflow the stack.
   */
  readonly indentedValues: number
}

/** A page shows one body. */
const ON_A_PAGE: ShownBounds = { unpackedBytes: 4_000_000, indentedValues: 20_000 }

export interface BodyGiven {
  readonly body?: unknown
  readonly bodyBase64?: string | undefined
}

/** Decodes a body: JSON in text, text in bytes, and gzip. Other bytes are shown in hex. */
export const decodedBody = ({ body, bodyBase64 }: BodyGiven, bounds = ON_A_PAGE): DecodedBody => {
  if (bodyBase64 !== undefined) return decodedBytes(Buffer.from(bodyBase64, 'base64'), [], bounds)
  if (typeof body === 'string') return decodedText(body, Buffer.byteLength(body), [], bounds)
  const compact = JSON.stringify(body) ?? ''
  return cut({ kind: 'JSON', text: indented(compact, body, bounds), bytes: Buffer.byteLength(compact), steps: [] })
}

/** A JSON body as a form shows it, whole. */
export const jsonText = (body: unknown): string => indented(JSON.stringify(body) ?? '', body, ON_A_PAGE)

const indented = (compact: string, value: unknown, bounds: ShownBounds): string =>
  isIndentable(compact, bounds) ? (JSON.stringify(value, null, 2) ?? '') : compact

const isIndentable = (text: string, { indentedValues }: ShownBounds): boolean =>
  isWithin(text, { depth: JSON_DEPTH, values: indentedValues })

const decodedText = (text: string, bytes: number, steps: readonly string[], bounds: ShownBounds): DecodedBody => {
  const inner = parsed(text, bounds)
  if (typeof inner === 'object' && inner !== null) {
    return cut({ kind: 'JSON', text: JSON.stringify(inner, null, 2), bytes, steps })
  }
  const packed = /^H4sI[\w+/]+={0,2}$/.test(text) ? unpacked(Buffer.from(text, 'base64'), bounds) : undefined
  if (packed) return { ...decodedBytes(packed, [...steps, 'base64', 'gzip'], bounds), bytes }
  return cut({ kind: 'text', text, bytes, steps })
}

const decodedBytes = (bytes: Buffer, steps: readonly string[], bounds: ShownBounds): DecodedBody => {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b ? unpacked(bytes, bounds) : undefined
  if (packed && !steps.includes('gzip')) {
    return { ...decodedBytes(packed, [...steps, 'gzip'], bounds), bytes: bytes.length }
  }
  const text = utf8(bytes)
  if (text !== undefined) return decodedText(text, bytes.length, [...steps, 'UTF-8'], bounds)
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

const unpacked = (bytes: Buffer, { unpackedBytes }: ShownBounds): Buffer | undefined => {
  try {
    return gunzipSync(bytes, { maxOutputLength: unpackedBytes })
  } catch {
    return undefined
  }
}

const parsed = (text: string, bounds: ShownBounds): unknown => {
  if (!/^\s*[[{]/.test(text) || !isIndentable(text, bounds)) return undefined
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
