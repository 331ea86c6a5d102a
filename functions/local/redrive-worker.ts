import type { Engine } from '../../lib/engine.ts'
import type { Log } from '../runtime/log.ts'
import { continueRedrives, type WakeRedrive } from '../runtime/redrives.ts'

export interface RedriveWorker {
  readonly wake: WakeRedrive
  /** Resolves when what was under way is noted down, so that the next start goes on from there. */
  stop(): Promise<void>
}

/** For tasks whose worker met a fault, or was killed: they are free half a minute after that. */
const BETWEEN_LOOKS_MS = 10_000

/** Works on redrives in this process: those that were left at the last end, and each that is started. */
export const startRedriveWorker = (engine: Engine, log: Log): RedriveWorker => {
  const stopping = new AbortController()
  const { signal } = stopping
  const working = new Set<Promise<void>>()
  const work = (tasks?: Parameters<typeof continueRedrives>[1]['tasks']) => {
    const done = continueRedrives(engine, { signal, log, ...(tasks && { tasks }) })
      .catch((error: unknown) => log.warn('redrives could not be looked for, and will be later', { error }))
      .finally(() => working.delete(done))
    working.add(done)
  }
  const lookAgain = async () => {
    while (!signal.aborted) {
      work()
      await engine.clock.sleep(BETWEEN_LOOKS_MS, signal)
    }
  }
  const looking = lookAgain()
  return {
    wake: async (queue, taskId) => work([{ queue, taskId }]),
    stop: async () => {
      stopping.abort()
      await Promise.all([looking, ...working])
    },
  }
}
