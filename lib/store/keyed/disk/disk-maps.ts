import type { Clock } from '../../../clock.ts'
import { isHoldfastError } from '../../../model/errors.ts'
import type { Maps } from '../entries.ts'
import type { KeyedMaps } from '../ordered-map.ts'
import { thisBoot } from './boot.ts'
import { emptyInto, type LoggedKey, logReader } from './checkpoint.ts'
import { type DiskMap, diskMap } from './disk-map.ts'
import { downfall } from './fault.ts'
import { journal } from './journal.ts'
import type { LmdbFile } from './lmdb-file.ts'
import { createLog } from './log-file.ts'
import { logKeeper } from './log-keeper.ts'
import type { Space } from './log-record.ts'
import type { CacheLimits } from './partition-cache.ts'
import { documentCodec, segmentCodec, ticketCodec } from './space-codecs.ts'

export interface DiskMapsParts {
  readonly directory: string
  readonly file: LmdbFile
  readonly clock: Clock
  /** Number of the first log to write. */
  readonly firstLog: number
  /** Whether each answer waits until its changes are on the disk, and not only with the operating system. */
  readonly sync: boolean
  /** Size at which a log is emptied into the file. @default 4 MiB */
  readonly logBytes?: number
  readonly limits?: CacheLimits
  /** Names this start of the machine. @default as the system does */
  readonly boot?: Uint8Array
  /** Creates the file of a log. @default one in the directory */
  readonly create?: typeof createLog
  /** Called with a failure in the background, which is retried. */
  readonly warn: (message: string, error: unknown) => void
}

export interface DiskMaps extends KeyedMaps<Maps> {
  /** Resolves with the reason when the store can no longer keep changes. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

const LOG_BYTES = 4_194_304
/** Keys that are settled in one turn of the event loop. */
const SETTLED_AT_ONCE = 2_000

/**
 * Maps on disk. A step changes memory at once. The changes of all steps in one turn of the event loop are appended to
 * the log in one write, and only then are the steps answered. A full log is emptied into the file while the next one is
 * written. So the file is written rarely and in bulk, and a key that is added and deleted quickly never gets there.
 *
 * No other process writes to the directory, so memory is always right.
 */
export const diskMaps = (parts: DiskMapsParts): DiskMaps => {
  const { directory, file, clock, warn, sync, limits, firstLog: first, logBytes: bytes = LOG_BYTES } = parts
  const { boot = thisBoot(), create = createLog } = parts
  const pending = journal(first)
  const segments = diskMap({ space: 's', file, journal: pending, codec: segmentCodec(file), limits })
  const documents = diskMap({ space: 'd', file, journal: pending, codec: documentCodec, limits })
  const tickets = diskMap({ space: 't', file, journal: pending, codec: ticketCodec, limits })
  const maps: Maps = { segments, documents, tickets }
  const spaces: Spaces = { s: segments, d: documents, t: tickets }
  const end = downfall()
  const readWholeLog = logReader(boot)
  const empty = async (path: string, number: number) => {
    const log = await readWholeLog(path)
    if (log.end !== 'complete') throw new Error(`${path} has lost its end`)
    await settle(spaces, file, await emptyInto(file, log, number), number)
  }
  const started = (number: number) => {
    pending.log = number
  }
  const logs = logKeeper({ directory, clock, warn, first, bytes, sync, downfall: end, create, started, empty })

  const nothing = pending.mark()
  const append = (): void => {
    if (pending.isEmpty) return
    try {
      logs.append(pending.record)
    } catch (error) {
      pending.undoTo(nothing)
      throw error
    } finally {
      pending.clear()
    }
  }

  /** The steps of this turn of the event loop; resolves when their changes are kept. */
  let turn: Promise<void> | undefined
  const turnEnds = async (): Promise<void> => {
    await nextTurn()
    turn = undefined
    append()
    if (sync) await logs.kept()
  }

  /** Waits while the logs are too large. Answers why they stay so: then nothing can be written, only read. */
  const obstacle = async (): Promise<unknown> => {
    try {
      while (logs.isAhead) await logs.caughtUp()
      return undefined
    } catch (error) {
      return error
    }
  }

  const step = async <T>(work: (maps: Maps) => T): Promise<T> => {
    if (end.error) throw end.error
    const refusal = await obstacle()
    const before = pending.mark()
    let result: T
    try {
      result = work(maps)
      if (refusal && pending.hasSince(before)) throw refusal
    } catch (error) {
      pending.undoTo(before)
      throw error
    }
    if (turn || !pending.isEmpty) {
      turn ??= turnEnds()
      await turn
      // The step may have read changes of earlier turns that are not kept yet.
    } else if (!logs.isKept) await logs.kept()
    return result
  }

  return {
    failed: end.reason,
    atomically: async (work, failed) => {
      try {
        return await step(work)
      } catch (error) {
        if (!failed || !isHoldfastError(error)) throw error
        return failed(error)
      }
    },
    look: async (work) => {
      if (end.error) throw end.error
      return work(maps)
    },
    close: async () => {
      await turn?.catch(() => {})
      await logs.close()
      await file.close()
    },
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
