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
  /** Whether each answer waits for the disk, and not for the system alone. */
  readonly sync: boolean
  /** From how many bytes on a log is brought into the file. @default 4 MiB */
  readonly logBytes?: number
  readonly limits?: CacheLimits
  /** Names this start of the machine. @default as the system does */
  readonly boot?: Uint8Array
  /** Creates the file of a log. @default one in the directory */
  readonly create?: typeof createLog
  /** Is told what went wrong with nobody waiting for it, and is tried again. */
  readonly warn: (message: string, error: unknown) => void
}

export interface DiskMaps extends KeyedMaps<Maps> {
  /** Resolves with the reason when nothing can be kept any more. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

const LOG_BYTES = 4_194_304
/** Keys that are settled at once. */
const SETTLED_AT_ONCE = 2_000

/**
 * Maps on disk. What a step changes is in memory at once; what the steps of one turn of the event loop changed is
 * appended to the log in one write, and only then are they answered. The log is brought into the file from time to
 * time, while the next one is written. So the file is written to seldom and in bulk, and what comes and goes quickly
 * never gets there.
 *
 * Nobody else writes to the directory, so what memory holds is right.
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

  /** The steps of this turn of the event loop, until what they changed is kept. */
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
      // It may have read what others changed in earlier turns, and wait for.
    } else if (!logs.isKept) await logs.kept()
    return result
  }

  return {
    failed: end.told,
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

/** What a log told of is in the file now: memory need not hold it any more. */
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
