import type { LogFile } from './log-file.ts'

/** Syncs logs to the disk. */
export interface Syncer {
  /** Notes that a record was appended to a log. */
  appended(log: LogFile): void
  /** Resolves when all records that were appended before the call are on the disk. Concurrent calls share a sync. */
  synced(): Promise<void>
  /** Whether all appended records are on the disk. */
  readonly isDone: boolean
}

export const syncer = (): Syncer => {
  const unsynced = new Set<LogFile>()
  let running: Promise<void> | undefined
  /** The sync after the running one, for records that were appended since that began. */
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
