import type { Clock } from '../../../clock.ts'
import { type HoldfastError, isHoldfastError } from '../../../model/errors.ts'
import type { Maps } from '../entries.ts'
import type { KeyedMaps } from '../ordered-map.ts'
import { thisBoot } from './boot.ts'
import { emptyInto, type LoggedKey, logReader } from './checkpoint.ts'
import { DiskMap } from './disk-map.ts'
import { firstFailure, removed } from './fault.ts'
import { type Journal, journal, type Mark } from './journal.ts'
import type { LmdbFile } from './lmdb-file.ts'
import { createLog } from './log-file.ts'
import { LogKeeper } from './log-keeper.ts'
import type { Space } from './log-record.ts'
import type { CacheLimits } from './partition-cache.ts'
import { documentCodec, segmentCodec, ticketCodec } from './space-codecs.ts'

export interface DiskMapsParts {
  readonly directory: string
  readonly file: LmdbFile
  readonly clock: Clock
  /** Number of the first log to write. */
  readonly firstLog: number
  /** Whether each answer waits until its changes are on the disk, and not only until the operating system has them. */
  readonly sync: boolean
  /** Size at which a log is emptied into the file. @default 4 MiB */
  readonly logBytes?: number
  readonly limits?: CacheLimits
  /** The id of this start of the machine. @default the operating system's */
  readonly boot?: Uint8Array
  /** Creates a log. @default as a file in the directory */
  readonly create?: typeof createLog
  /** Called with a failure in the background, which is retried. */
  readonly warn: (message: string, error: unknown) => void
}

const LOG_BYTES = 4_194_304
/** How many keys are settled in one turn of the event loop. */
const SETTLED_AT_ONCE = 2_000

/**
 * Maps on disk. A step changes memory at once. The changes of all steps in one turn of the event loop are appended to the
 * log in one write, and the steps are answered after it. A full log is emptied into the file while the next log is written.
 * So the file is written rarely and in bulk, and a key that is added and deleted soon afterwards is never written to it.
 *
 * No other process writes to the directory, so what is in memory is always current.
 */
export class DiskMaps implements KeyedMaps<Maps> {
  /** Resolves with the reason when the store can no longer keep changes. */
  readonly failed: Promise<string>
  readonly #parts: DiskMapsParts
  readonly #maps: Maps
  readonly #pending: Journal
  readonly #logs: LogKeeper
  readonly #firstFailure = firstFailure()
  /** The journal's position while nothing is pending. */
  readonly #nothing: Mark
  /** Resolves when the changes of this turn's steps are kept; undefined while no step of this turn has changed anything. */
  #turn: Promise<void> | undefined

  constructor(parts: DiskMapsParts) {
    const { file, limits } = parts
    const pending = journal(parts.firstLog)
    const segments = new DiskMap({ space: 's', file, journal: pending, codec: segmentCodec(file), limits })
    const documents = new DiskMap({ space: 'd', file, journal: pending, codec: documentCodec, limits })
    const tickets = new DiskMap({ space: 't', file, journal: pending, codec: ticketCodec, limits })
    this.failed = this.#firstFailure.reason
    this.#parts = parts
    this.#maps = { segments, documents, tickets }
    this.#pending = pending
    this.#nothing = pending.mark()
    this.#logs = this.#openLogs({ s: segments, d: documents, t: tickets })
  }

  async atomically<T>(work: (maps: Maps) => T, failed?: (error: HoldfastError) => T): Promise<T> {
    try {
      return await this.#step(work)
    } catch (error) {
      if (!failed || !isHoldfastError(error)) throw error
      return failed(error)
    }
  }

  async read<T>(work: (maps: Maps) => T): Promise<T> {
    if (this.#firstFailure.error) throw this.#firstFailure.error
    return work(this.#maps)
  }

  async close(): Promise<void> {
    await this.#turn?.catch(() => {})
    await this.#logs.close()
    await this.#parts.file.close()
  }

  #openLogs(spaces: Spaces): LogKeeper {
    const { directory, file, clock, warn, sync, firstLog: first, logBytes: bytes = LOG_BYTES } = this.#parts
    const { boot = thisBoot(), create = createLog } = this.#parts
    const readWholeLog = logReader(boot)
    const checkPlace = () => {
      if (!file.isInPlace()) throw this.#firstFailure.of(removed(directory))
    }
    const empty = async (path: string, number: number) => {
      const log = await readWholeLog(path)
      if (log.end !== 'complete') throw new Error(`${path} has lost its end`)
      const keys = await emptyInto(file, log, number)
      // A log is deleted only once the file that has its changes is the one that the next start opens.
      checkPlace()
      await settle(spaces, file, keys, number)
    }
    const started = (number: number) => {
      this.#pending.log = number
    }
    const logs = {
      directory,
      clock,
      warn,
      first,
      bytes,
      sync,
      firstFailure: this.#firstFailure,
      create,
      started,
      empty,
    }
    return new LogKeeper(logs)
  }

  async #step<T>(work: (maps: Maps) => T): Promise<T> {
    if (this.#firstFailure.error) throw this.#firstFailure.error
    const refusal = await this.#obstacle()
    const before = this.#pending.mark()
    let result: T
    try {
      result = work(this.#maps)
      if (refusal && this.#pending.hasSince(before)) throw refusal
    } catch (error) {
      this.#pending.undoTo(before)
      throw error
    }
    if (this.#turn || !this.#pending.isEmpty) {
      this.#turn ??= this.#endTurn()
      await this.#turn
      // The step may have read changes of earlier turns that are not kept yet.
    } else if (!this.#logs.isKept) await this.#logs.kept()
    return result
  }

  /** Waits while the logs are too large. Returns the error for which they stay too large: then a step may read, and not write. */
  async #obstacle(): Promise<unknown> {
    try {
      while (this.#logs.isAhead) await this.#logs.caughtUp()
      return undefined
    } catch (error) {
      return error
    }
  }

  async #endTurn(): Promise<void> {
    await nextTurn()
    this.#turn = undefined
    this.#append()
    if (this.#parts.sync) await this.#logs.kept()
  }

  /** Appends the pending changes to the log, or undoes them. */
  #append(): void {
    const pending = this.#pending
    if (pending.isEmpty) return
    try {
      this.#logs.append(pending.record)
    } catch (error) {
      pending.undoTo(this.#nothing)
      throw error
    } finally {
      pending.clear()
    }
  }
}

type Spaces = Readonly<Record<Space, Pick<DiskMap<unknown>, 'settle' | 'trim'>>>

/** Lets memory drop the changes of a log that was emptied into the file. */
const settle = async (spaces: Spaces, file: LmdbFile, keys: readonly LoggedKey[], log: number): Promise<void> => {
  for (let at = 0; at < keys.length; at += SETTLED_AT_ONCE) {
    file.refresh()
    for (const { space, partition, sort } of keys.slice(at, at + SETTLED_AT_ONCE)) {
      spaces[space].settle(partition, sort, log)
    }
    await nextTurn()
  }
  for (const map of Object.values(spaces)) map.trim()
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
