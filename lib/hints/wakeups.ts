import type { Clock } from '../clock.ts'

/**
 * Wakes the long polls of this process when a queue may have messages for them. A poll finds the messages of other processes by
 * its next scan; a wakeup only makes it notice at once what happens in its own process. Calls that wait for a result use wakeups too,
 * under names of their own (`resultWakeup`).
 */
export interface Wakeups {
  /** Wakes up to `count` of the waits under this name: that of a queue, or of a result. */
  wake(name: string, count: number): void
  /** Waits for `ms`, a wake or an abort, whichever comes first. */
  wait(name: string, ms: number, signal?: AbortSignal): Promise<void>
}

export const wakeups = (clock: Clock): Wakeups => {
  const sleepers = new Map<string, Set<() => void>>()
  return {
    wake: (name, count) => {
      let left = count
      for (const wakeUp of sleepers.get(name) ?? []) {
        if (left-- <= 0) return
        wakeUp()
      }
    },
    wait: async (name, ms, signal) => {
      const waking = new AbortController()
      const waiting = sleepers.get(name) ?? new Set()
      sleepers.set(name, waiting)
      const wakeUp = () => {
        // Deleted at once, so that two wakes in a row wake two polls.
        waiting.delete(wakeUp)
        waking.abort()
      }
      waiting.add(wakeUp)
      signal?.addEventListener('abort', wakeUp, { once: true })
      if (signal?.aborted) wakeUp()
      await clock.sleep(ms, waking.signal)
      signal?.removeEventListener('abort', wakeUp)
      waiting.delete(wakeUp)
      if (waiting.size === 0 && sleepers.get(name) === waiting) sleepers.delete(name)
    },
  }
}
