import type { Clock } from '../clock.ts'

/** Ends the sleep of one waiter. */
export interface WakeSignal {
  /** Ends the current wait, or else the next one. */
  wake(): void
  /** Resolves when woken, at once if that was since the last wait, and after `ms` at the latest. */
  wait(ms: number): Promise<void>
}

export const wakeSignal = (clock: Clock): WakeSignal => {
  let woken = new AbortController()
  return {
    wake: () => woken.abort(),
    wait: async (ms) => {
      await clock.sleep(Math.max(0, ms), woken.signal)
      woken = new AbortController()
    },
  }
}
