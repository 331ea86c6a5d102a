import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type Downfall, unavailable } from './fault.ts'
import { type LogEmptierParts, logEmptier } from './log-emptier.ts'
import type { createLog, LogFile } from './log-file.ts'
import { LOG_HEADER_BYTES, type LogPlace } from './log-record.ts'
import { syncer } from './syncer.ts'

/** Keeps the logs of a directory: the one that is written, and the one before while it is brought into the file. */
export interface LogKeeper {
  /** Number of the log that is written. */
  readonly number: number
  /** Gives a record to the system, or throws `StoreUnavailable` and has not. */
  append(record: (place: LogPlace) => Buffer): void
  /** Whether what was appended is kept as it is promised to be. */
  readonly isKept: boolean
  /** Resolves when all that was appended is. */
  kept(): Promise<void>
  /** Whether the logs are too large for more to be written at once. */
  readonly isAhead: boolean
  /** Resolves when they no longer are. @throws `StoreUnavailable` when that may take a while */
  caughtUp(): Promise<void>
  /** Brings everything into the file, if that is possible. */
  close(): Promise<void>
}

export interface LogKeeperParts extends LogEmptierParts {
  /** Number of the first log. */
  readonly first: number
  /** From how many bytes on a log is brought into the file. */
  readonly bytes: number
  /** Whether what is appended is kept only once the disk has it. */
  readonly sync: boolean
  readonly downfall: Downfall
  /** Creates the file of a log. */
  readonly create: typeof createLog
  /** Is told when another log is written from now on. */
  readonly started: (number: number) => void
}

/** How large the log that is written may become, in logs, while the one before is brought into the file. */
const MAX_LOGS_AHEAD = 2
/** What the system has and the disk has not is about this old at most, ms. */
const SYNC_MS = 250

export const logKeeper = (parts: LogKeeperParts): LogKeeper => {
  const { directory, downfall, bytes, create } = parts
  let log = create(directory, parts.first)
  const disk = syncer()
  let timer: NodeJS.Timeout | undefined

  const synced = async (): Promise<void> => {
    if (downfall.error) throw downfall.error
    try {
      await disk.synced()
    } catch (error) {
      // What the disk refused may be gone although it can still be read: nothing may be built on it.
      throw downfall.of(unavailable(directory, error))
    }
  }
  const emptier = logEmptier(parts, synced)
  const syncInTime = (): void => {
    timer = undefined
    synced().catch(() => {})
  }
  /** Starts the next log; answers the one that is complete by that. */
  const startNext = (): LogFile => {
    const full = log
    const next = create(directory, full.number + 1)
    try {
      full.complete()
    } catch (error) {
      next.close()
      rmSync(next.path, { force: true })
      throw error
    }
    log = next
    disk.appended(full)
    parts.started(next.number)
    return full
  }

  return {
    get number() {
      return log.number
    },
    append: (record) => {
      try {
        log.append(record(log))
      } catch (error) {
        throw unavailable(directory, error)
      }
      disk.appended(log)
      if (!parts.sync) timer ??= setTimeout(syncInTime, SYNC_MS).unref()
      if (log.size >= bytes) emptier.run(startNext)
    },
    get isKept() {
      return !parts.sync || disk.isDone
    },
    kept: synced,
    get isAhead() {
      return emptier.isRunning && log.size > bytes * MAX_LOGS_AHEAD
    },
    caughtUp: emptier.caughtUp,
    close: async () => {
      await emptier.stop()
      if (!emptier.obstacle && !downfall.error && log.size > LOG_HEADER_BYTES) emptier.run(startNext)
      await emptier.stop()
      clearTimeout(timer)
      await disk.synced().catch(() => {})
      log.close()
      if (log.size === LOG_HEADER_BYTES) await rm(log.path, { force: true })
    },
  }
}
