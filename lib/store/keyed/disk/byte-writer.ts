const FIRST_BYTES = 65_536

/** Writes bytes one after the other into one buffer, which grows and is reused. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The bytes written so far; valid until the next write. */
  bytes(from = 0): Buffer {
    return this.#buffer.subarray(from, this.#length)
  }

  /** Drops the bytes after this length. */
  truncate(length: number): void {
    this.#length = length
    // A buffer that grew for one large body is not kept.
    if (length === 0 && this.#buffer.length > 16 * FIRST_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = value
  }

  uint16(value: number): void {
    this.#reserve(2)
    this.#length = this.#buffer.writeUInt16LE(value, this.#length)
  }

  uint32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  /** Up to 2 ** 48 - 1. */
  uint48(value: number): void {
    this.#reserve(6)
    this.#length = this.#buffer.writeUIntLE(value, this.#length, 6)
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Writes UTF-8. Returns the number of bytes. */
  text(value: string): number {
    // No character takes more than three bytes.
    this.#reserve(3 * value.length)
    const written = this.#buffer.write(value, this.#length, 'utf8')
    this.#length += written
    return written
  }

  /** Overwrites bytes that were written earlier. */
  uint16At(value: number, position: number): void {
    this.#buffer.writeUInt16LE(value, position)
  }

  uint32At(value: number, position: number): void {
    this.#buffer.writeUInt32LE(value, position)
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
