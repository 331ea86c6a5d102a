import type { Clock } from '../clock.ts'

const FIRST_MS = 100
const MAX_MS = 5_000

/** Waits before try `attempt` (1 is the first repeat): full jitter under a ceiling that doubles. */
export const backOff = async (
  clock: Clock,
  fraction: () => number,
  attempt: number,
  signal?: AbortSignal,
): Promise<void> => {
  const ceilingMs = Math.min(MAX_MS, FIRST_MS * 2 ** (attempt - 1))
  await clock.sleep(Math.ceil(ceilingMs * fraction()), signal)
  signal?.throwIfAborted()
}
