import type { Engine } from '../../lib/engine.ts'
import type { Log } from '../runtime/log.ts'
import { continueRedrives, type WakeRedrive } from '../runtime/redrives.ts'

export interface RedriveWorker {
  readonly wake: WakeRedrive
  /** Resolves when the progress of every redrive is stored: the next start continues from there. */
  stop(): Promise<void>
}

/** How often to search for redrives whose worker failed or was killed. Their lock ends half a minute after its last renewal. */
const SEARCH_EVERY_MS = 10_000

/** Runs redrives in this process: those that an earlier process left unfinished, and each one that is started. */
export const startRedriveWorker = (engine: Engine, log: Log): RedriveWorker => {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = new Set<Promise<void>>()
  const run = (tasks?: Parameters<typeof continueRedrives>[1]['tasks']) => {
    const done = continueRedrives(engine, { signal, log, ...(tasks && { tasks }) })
      .catch((error: unknown) =>
        log.warn('the search for unfinished redrives failed, and is repeated in ten seconds', { error }),
      )
      .finally(() => running.delete(done))
    running.add(done)
  }
  const searchForever = async () => {
    while (!signal.aborted) {
      run()
      await engine.clock.sleep(SEARCH_EVERY_MS, signal)
    }
  }
  const searching = searchForever()
  return {
    wake: async (queue, taskId) => run([{ queue, taskId }]),
    stop: async () => {
      stopping.abort()
      await Promise.all([searching, ...running])
    },
  }
}
