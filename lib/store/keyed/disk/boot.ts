import { readFileSync } from 'node:fs'
import { BOOT_BYTES } from './log-record.ts'

/** Names this start of the machine; zeros where the system has no name for it. */
export const thisBoot = (): Uint8Array => {
  const bytes = Buffer.alloc(BOOT_BYTES)
  try {
    bytes.write(readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replaceAll('-', '').trim(), 'hex')
  } catch {
    // Linux alone has it.
  }
  return bytes
}
