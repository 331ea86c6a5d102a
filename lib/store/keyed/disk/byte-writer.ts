/** Writes bytes one after the other into one buffer, which grows and is reused. */
export interface ByteWriter {
  readonly length: number
  /** The bytes written so far; valid until the next write. */
  bytes(from?: number): Buffer
  /** Drops the bytes after this length. */
  truncate(length: number): void
  uint8(value: number): void
  uint16(value: number): void
  uint32(value: number): void
  /** Up to 2 ** 48 - 1. */
  uint48(value: number): void
  raw(bytes: Uint8Array): void
  /** Writes UTF-8. Returns the number of bytes. */
  text(value: string): number
  /** Overwrites bytes that were written earlier. */
  uint16At(value: number, position: number): void
  uint32At(value: number, position: number): void
}

const FIRST_BYTES = 65_536

export const byteWriter = (): ByteWriter => {
  let buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  let length = 0
  const room = (bytes: number): void => {
    if (length + bytes <= buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * buffer.length, length + bytes))
    buffer.copy(larger, 0, 0, length)
    buffer = larger
  }
  return {
    get length() {
      return length
    },
    bytes: (from = 0) => buffer.subarray(from, length),
    truncate: (to) => {
      length = to
      // A buffer that grew for one large body is not kept.
      if (to === 0 && buffer.length > 16 * FIRST_BYTES) buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
    },
    uint8: (value) => {
      room(1)
      buffer[length++] = value
    },
    uint16: (value) => {
      room(2)
      length = buffer.writeUInt16LE(value, length)
    },
    uint32: (value) => {
      room(4)
      length = buffer.writeUInt32LE(value, length)
    },
    uint48: (value) => {
      room(6)
      length = buffer.writeUIntLE(value, length, 6)
    },
    raw: (bytes) => {
      room(bytes.length)
      buffer.set(bytes, length)
      length += bytes.length
    },
    text: (value) => {
      // No character takes more than three bytes.
      room(3 * value.length)
      const written = buffer.write(value, length, 'utf8')
      length += written
      return written
    },
    uint16At: (value, position) => void buffer.writeUInt16LE(value, position),
    uint32At: (value, position) => void buffer.writeUInt32LE(value, position),
  }
}
