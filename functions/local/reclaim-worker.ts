import { setTimeout as sleep } from 'node:timers/promises'
import type { Reclaim } from '../../lib/store/keyed/reclaim.ts'
import type { Log } from '../runtime/log.ts'

/** How often, and how many entries at a time: a pass over a million entries takes about eight minutes and little of a core. */
const EVERY_MS = 1_000
const ENTRIES = 2_000

/** Frees messages that are expired, purged or of deleted queues, until it is stopped. */
export const startReclaiming = ({ reclaim }: Reclaim, log: Log): { stop(): Promise<void> } => {
  const stopping = new AbortController()
  const { signal } = stopping
  const reclaimForever = async () => {
    for (;;) {
      await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      await reclaim(ENTRIES).catch((error: unknown) =>
        log.warn('expired messages could not be deleted; the server tries again in a second', { error }),
      )
    }
  }
  const reclaiming = reclaimForever()
  return {
    stop: async () => {
      stopping.abort()
      await reclaiming
    },
  }
}
