import type { LogFile } from './log-file.ts'

/** Has the disk take what was appended to logs. */
export interface Syncer {
  /** Something was appended to it. */
  appended(log: LogFile): void
  /** Resolves when the disk has all that was appended until now. Calls at the same time share the work. */
  synced(): Promise<void>
  /** Whether the disk has everything. */
  readonly isDone: boolean
}

export const syncer = (): Syncer => {
  const unsynced = new Set<LogFile>()
  let running: Promise<void> | undefined
  /** What was appended since the running one began waits for this one. */
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
