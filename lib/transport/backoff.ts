import type { Clock } from '../clock.ts'

const FIRST_MS = 100
const MAX_MS = 5_000

export interface Backoff {
  /** 1 is the first repeat. */
  readonly attempt: number
  /** 0 … 1, of the ceiling that doubles with each repeat (full jitter). */
  readonly fraction: number
  /** The wait that the server asked for. The jitter is added to it, so that refused callers do not return at the same time. */
  readonly minMs?: number
  readonly signal?: AbortSignal | undefined
}

/** Waits before a repeat. @throws the signal's reason once it is aborted */
export const backOff = async (clock: Clock, { attempt, fraction, minMs = 0, signal }: Backoff): Promise<void> => {
  const ceilingMs = Math.min(MAX_MS, FIRST_MS * 2 ** (attempt - 1))
  await clock.sleep(minMs + Math.ceil(ceilingMs * fraction), signal)
  signal?.throwIfAborted()
}
