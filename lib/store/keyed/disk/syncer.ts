import type { LogFile } from './log-file.ts'

/** Syncs logs to the disk. */
export interface Syncer {
  /** Notes that a log was appended to. */
  appended(log: LogFile): void
  /** Resolves when everything appended until now is on the disk. Concurrent calls share the work. */
  synced(): Promise<void>
  /** Whether the disk has everything. */
  readonly isDone: boolean
}

export const syncer = (): Syncer => {
  const unsynced = new Set<LogFile>()
  let running: Promise<void> | undefined
  /** Syncs what was appended after the running sync began. */
  let next: Promise<void> | undefined

  const syncAll = async (): Promise<void> => {
    const logs = [...unsynced]
    unsynced.clear()
    await Promise.all(logs.map((log) => log.sync()))
  }
  const run = (): Promise<void> => {
    running = syncAll().finally(() => {
      running = undefined
    })
    return running
  }

  return {
    appended: (log) => void unsynced.add(log),
    synced: () => {
      if (!running) return run()
      next ??= running.then(run, run).finally(() => {
        next = undefined
      })
      return next
    },
    get isDone() {
      return unsynced.size === 0 && !running
    },
  }
}
