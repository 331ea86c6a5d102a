import type { Clock } from '../clock.ts'

/** Lets one waiter sleep until the next ring or a timeout. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, at once if there was one since the last wait, and at the latest after `ms`. */
  wait(ms: number): Promise<void>
}

export const bell = (clock: Clock): Bell => {
  let ringing = new AbortController()
  return {
    ring: () => ringing.abort(),
    wait: async (ms) => {
      await clock.sleep(Math.max(0, ms), ringing.signal)
      ringing = new AbortController()
    },
  }
}
