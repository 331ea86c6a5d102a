import * as zlib from 'node:zlib'

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value >>> 0
})

/** For versions of Node before 20.15, which have no `zlib.crc32`. */
const crc32InJavaScript = (bytes: Uint8Array, before = 0): number => {
  let crc = ~before
  for (let at = 0; at < bytes.length; at++) {
    crc = (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

const { crc32: native } = zlib as { crc32?: (bytes: Uint8Array, before?: number) => number }

/** The checksum of zlib and PNG; `before` is the checksum of the bytes that precede. */
export const crc32: (bytes: Uint8Array, before?: number) => number = native ?? crc32InJavaScript
