import { randomFillSync } from 'node:crypto'

/** Randomness as the engine sees it. Lease tokens come from `bytes`, so the system's must be cryptographic. */
export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1): jitter and choices that need no secrecy. */
  fraction(): number
}

const POOL_BYTES = 4096
let pool = new Uint8Array(0)
let used = 0

export const systemRandom: Random = {
  // One system call fills many tokens; a byte is handed out once.
  bytes: (length) => {
    if (used + length > pool.length) {
      pool = new Uint8Array(Math.max(POOL_BYTES, length))
      randomFillSync(pool)
      used = 0
    }
    const bytes = pool.slice(used, used + length)
    used += length
    return bytes
  },
  fraction: () => Math.random(),
}
