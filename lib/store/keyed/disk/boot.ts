import { readFileSync } from 'node:fs'
import { BOOT_BYTES } from './log-record.ts'

/** The id that the operating system gives to this start of the machine; zeros where it gives none. */
export const thisBoot = (): Uint8Array => {
  const bytes = Buffer.alloc(BOOT_BYTES)
  try {
    bytes.write(readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replaceAll('-', '').trim(), 'hex')
  } catch {
    // Only Linux has a boot id.
  }
  return bytes
}
