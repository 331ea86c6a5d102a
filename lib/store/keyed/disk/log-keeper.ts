import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type FirstFailure, removed, unavailable } from './fault.ts'
import { LogEmptier, type LogEmptierParts } from './log-emptier.ts'
import type { createLog, LogFile } from './log-file.ts'
import { LOG_HEADER_BYTES, type LogPlace } from './log-record.ts'
import { syncer } from './syncer.ts'

export interface LogKeeperParts extends LogEmptierParts {
  /** Number of the first log. */
  readonly first: number
  /** Size at which a log is emptied into the file. */
  readonly bytes: number
  /** Whether a record counts as kept only once it is on the disk. */
  readonly sync: boolean
  readonly firstFailure: FirstFailure
  /** Creates the file of a log. */
  readonly create: typeof createLog
  /** Called with the number of a new log, which the next record is appended to. */
  readonly started: (number: number) => void
}

/** While a full log is emptied into the file, the next one may grow to this many times the size of a full log. */
const MAX_LOGS_AHEAD = 2
/** About how long after its append a record is on the disk. */
const SYNC_MS = 250

/** Keeps the logs of a directory: the one that is written, and the full one while it is emptied into the file. */
export class LogKeeper {
  readonly #parts: LogKeeperParts
  readonly #disk = syncer()
  readonly #emptier: LogEmptier
  /** The log that records are appended to. */
  #log: LogFile
  #timer: NodeJS.Timeout | undefined

  constructor(parts: LogKeeperParts) {
    this.#parts = parts
    this.#log = parts.create(parts.directory, parts.first)
    this.#emptier = new LogEmptier(parts, () => this.kept())
  }

  /** Whether all appended records are kept: on the disk with `sync`, otherwise with the operating system. */
  get isKept(): boolean {
    return !this.#parts.sync || this.#disk.isDone
  }

  /** Whether the logs are so large that writes must wait. */
  get isAhead(): boolean {
    return this.#emptier.isRunning && this.#log.size > this.#parts.bytes * MAX_LOGS_AHEAD
  }

  /** Gives a record to the operating system. @throws `StoreUnavailable`, after which nothing is written */
  append(record: (place: LogPlace) => Buffer): void {
    const { directory, sync, bytes, firstFailure } = this.#parts
    if (!this.#log.isInPlace()) throw firstFailure.of(removed(directory))
    try {
      this.#log.append(record(this.#log))
    } catch (error) {
      throw unavailable(directory, error)
    }
    this.#disk.appended(this.#log)
    if (!sync) this.#timer ??= setTimeout(() => this.#syncInTime(), SYNC_MS).unref()
    if (this.#log.size >= bytes) this.#emptyLog()
  }

  /** Resolves when all appended records are on the disk. */
  async kept(): Promise<void> {
    const { directory, firstFailure } = this.#parts
    if (firstFailure.error) throw firstFailure.error
    try {
      await this.#disk.synced()
    } catch (error) {
      // Bytes whose sync failed can still be read, but may be lost later. So the store accepts no more changes, which could depend on them.
      throw firstFailure.of(unavailable(directory, error))
    }
  }

  /** Resolves when writes need not wait any more. @throws `StoreUnavailable` where the log can't be emptied at present */
  caughtUp(): Promise<void> {
    return this.#emptier.caughtUp()
  }

  /** Empties the logs into the file, where that is possible, and closes them. */
  async close(): Promise<void> {
    await this.#emptier.stop()
    const canEmpty = !this.#emptier.obstacle && !this.#parts.firstFailure.error && this.#log.isInPlace()
    if (canEmpty && !this.#isEmpty) this.#emptyLog()
    await this.#emptier.stop()
    clearTimeout(this.#timer)
    await this.#disk.synced().catch(() => {})
    this.#log.close()
    // Another process may have a log of this name by now.
    if (this.#isEmpty && this.#log.isInPlace()) await rm(this.#log.path, { force: true })
  }

  get #isEmpty(): boolean {
    return this.#log.size === LOG_HEADER_BYTES
  }

  #syncInTime(): void {
    this.#timer = undefined
    this.kept().catch(() => {})
  }

  #emptyLog(): void {
    this.#emptier.run(() => this.#startNext())
  }

  /** Starts the next log. Returns the log before it, which is complete. */
  #startNext(): LogFile {
    const full = this.#log
    const next = this.#parts.create(this.#parts.directory, full.number + 1)
    try {
      full.complete()
    } catch (error) {
      next.close()
      rmSync(next.path, { force: true })
      throw error
    }
    this.#log = next
    this.#disk.appended(full)
    this.#parts.started(next.number)
    return full
  }
}
