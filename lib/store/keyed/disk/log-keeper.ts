import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type Downfall, unavailable } from './fault.ts'
import { type LogEmptierParts, logEmptier } from './log-emptier.ts'
import type { createLog, LogFile } from './log-file.ts'
import { LOG_HEADER_BYTES, type LogPlace } from './log-record.ts'
import { syncer } from './syncer.ts'

/** Keeps the logs of a directory: the one that is written, and the full one while it is emptied into the file. */
export interface LogKeeper {
  /** Number of the log that is written. */
  readonly number: number
  /** Gives a record to the operating system. @throws `StoreUnavailable` if that failed; nothing is written then */
  append(record: (place: LogPlace) => Buffer): void
  /** Whether all appended records are kept: on the disk with `sync`, otherwise with the operating system. */
  readonly isKept: boolean
  /** Resolves when all appended records are kept. */
  kept(): Promise<void>
  /** Whether the logs are so large that writes must wait. */
  readonly isAhead: boolean
  /** Resolves when writes need not wait any more. @throws `StoreUnavailable` if that may take a while */
  caughtUp(): Promise<void>
  /** Empties the logs into the file, if that is possible. */
  close(): Promise<void>
}

export interface LogKeeperParts extends LogEmptierParts {
  /** Number of the first log. */
  readonly first: number
  /** Size at which a log is emptied into the file. */
  readonly bytes: number
  /** Whether a record counts as kept only once it is on the disk. */
  readonly sync: boolean
  readonly downfall: Downfall
  /** Creates the file of a log. */
  readonly create: typeof createLog
  /** Called with the number of a new log that is written from now on. */
  readonly started: (number: number) => void
}

/** How many times its size a log may reach while the one before is emptied into the file. */
const MAX_LOGS_AHEAD = 2
/** About how long a record may be with the operating system before it is on the disk, ms. */
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
      // Bytes whose sync failed may be lost although they can still be read: no later change may depend on them.
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
