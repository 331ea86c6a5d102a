import { rm } from 'node:fs/promises'
import type { Clock } from '../../../clock.ts'
import { HoldfastError, isHoldfastError } from '../../../model/errors.ts'
import type { Maps } from '../entries.ts'
import type { KeyedMaps } from '../ordered-map.ts'
import { type EmptiedLog, emptyInto } from './checkpoint.ts'
import { type DiskMap, diskMap } from './disk-map.ts'
import { journal } from './journal.ts'
import type { LmdbFile } from './lmdb-file.ts'
import { createLog, type LogFile } from './log-file.ts'
import { LOG_HEADER_BYTES, type Space } from './log-record.ts'
import { documentCodec, segmentCodec, ticketCodec } from './space-codecs.ts'
import { syncer } from './syncer.ts'

export interface DiskMapsParts {
  readonly directory: string
  readonly file: LmdbFile
  readonly clock: Clock
  /** Number of the first log to write. */
  readonly firstLog: number
  /** Whether each answer waits for the disk, and not for the system alone. */
  readonly sync: boolean
  /** From how many bytes on a log is emptied into the file. */
  readonly logBytes?: number
  /** Is told what went wrong with nobody waiting for it. */
  readonly warn: (message: string, error: unknown) => void
}

export interface DiskMaps extends KeyedMaps<Maps> {
  /** Resolves with the reason when nothing can be kept any more. */
  readonly failed: Promise<string>
  close(): Promise<void>
}

const LOG_BYTES = 8_388_608
/** How large the next log may become, in logs, before the one that is being emptied is done: then writes wait. */
const MAX_LOGS_AHEAD = 4
/** What the system has and the disk has not is at most about this old, ms. */
const SYNC_MS = 250
const RETRY_MS = 1_000
/** Keys that are settled at once. */
const SETTLED_AT_ONCE = 2_000

/**
 * Maps on disk. What a step changes is in memory at once; what the steps of one turn of the event loop changed is
 * appended to the log in one write, and only then are they answered. The log is emptied into the file from time to
 * time, while the next one is written. So the file is written to seldom and in bulk, and what comes and goes quickly
 * never gets there.
 *
 * Nobody else writes to the directory, so what memory holds is right.
 */
export const diskMaps = (parts: DiskMapsParts): DiskMaps => {
  const { directory, file, clock, warn, logBytes = LOG_BYTES } = parts
  let log = createLog(directory, parts.firstLog)
  const pending = journal(log.number)
  const nothingPending = pending.mark()
  const segments = diskMap({ space: 's', file, journal: pending, codec: segmentCodec(file) })
  const documents = diskMap({ space: 'd', file, journal: pending, codec: documentCodec })
  const tickets = diskMap({ space: 't', file, journal: pending, codec: ticketCodec })
  const maps: Maps = { segments, documents, tickets }
  const spaces: Readonly<Record<Space, Pick<DiskMap<unknown>, 'settle' | 'trim'>>> = {
    s: segments,
    d: documents,
    t: tickets,
  }

  const disk = syncer()
  let syncTimer: NodeJS.Timeout | undefined
  /** The steps of this turn, until what they changed is kept. */
  let turn: Promise<void> | undefined
  let emptying: Promise<void> | undefined
  /** Why the log can't be emptied at present. */
  let obstacle: HoldfastError | undefined
  const blocked = signal()
  const closing = new AbortController()
  const failure = firstFailure()

  const append = (): void => {
    try {
      log.append(pending.record(log.salt, log.size))
      disk.appended(log)
      pending.clear()
    } catch (error) {
      pending.undoTo(nothingPending)
      pending.clear()
      throw unavailable(directory, error)
    }
  }

  const synced = async (): Promise<void> => {
    try {
      await disk.synced()
    } catch (error) {
      // What the disk refused may be gone although it can still be read: nothing may be built on it.
      throw failure.is(unavailable(directory, error))
    }
  }

  /** Resolves when all that memory holds now is kept. */
  const kept = (): Promise<void> => {
    turn ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      turn = undefined
      if (!pending.isEmpty) append()
      if (log.size >= logBytes) empty()
      if (parts.sync) return synced()
      syncTimer ??= setTimeout(syncInTime, SYNC_MS).unref()
    })
    return turn
  }
  const syncInTime = () => {
    syncTimer = undefined
    synced().catch(() => {})
  }

  const empty = (): void => {
    emptying ??= emptyLog().finally(() => {
      emptying = undefined
    })
  }

  /** Starts the next log, and brings this one into the file, however often it takes. */
  const emptyLog = async (): Promise<void> => {
    const full = log
    try {
      log = await startNext(directory, full)
      pending.log = log.number
      disk.appended(full)
    } catch (error) {
      warn('a new log can not be started yet', error)
      await clock.sleep(RETRY_MS, closing.signal)
      return
    }
    do {
      try {
        await disk.synced()
        await settle(await emptyInto(file, full.path), full.number)
        full.close()
        await rm(full.path, { force: true })
        obstacle = undefined
        return
      } catch (error) {
        obstacle = unavailable(directory, error)
        blocked.now()
        warn('what is new can not be brought into the data file yet', error)
        await clock.sleep(RETRY_MS, closing.signal)
      }
    } while (!closing.signal.aborted)
  }

  /** What a log told of is in the file now. */
  const settle = async ({ keys }: EmptiedLog, number: number): Promise<void> => {
    for (let at = 0; at < keys.length; at += SETTLED_AT_ONCE) {
      file.refresh()
      for (const { space, partition, sort } of keys.slice(at, at + SETTLED_AT_ONCE)) {
        spaces[space].settle(partition, sort, number)
      }
      await nextTurn()
    }
    for (const map of Object.values(spaces)) map.trim()
  }

  /** Waits while the log that is being written has got too far ahead of the file. */
  const roomToWrite = async (): Promise<void> => {
    while (emptying !== undefined && log.size > logBytes * MAX_LOGS_AHEAD) {
      if (obstacle) throw obstacle
      await Promise.race([emptying, blocked.next()])
    }
  }

  const step = async <T>(work: (maps: Maps) => T): Promise<T> => {
    if (failure.error) throw failure.error
    if (emptying !== undefined) await roomToWrite()
    const before = pending.mark()
    let result: T
    try {
      result = work(maps)
    } catch (error) {
      pending.undoTo(before)
      throw error
    }
    if (turn || !pending.isEmpty) await kept()
    // It may have read what others wrote and still wait for.
    else if (parts.sync && !disk.isDone) await synced()
    return result
  }

  return {
    failed: failure.told,
    atomically: async (work, failed) => {
      try {
        return await step(work)
      } catch (error) {
        if (!failed || !isHoldfastError(error)) throw error
        return failed(error)
      }
    },
    look: async (work) => {
      if (failure.error) throw failure.error
      return work(maps)
    },
    close: async () => {
      await turn?.catch(() => {})
      closing.abort()
      await emptying
      if (!obstacle && !failure.error && log.size > LOG_HEADER_BYTES) await emptyLog()
      clearTimeout(syncTimer)
      await disk.synced().catch(() => {})
      log.close()
      if (log.size === LOG_HEADER_BYTES) await rm(log.path, { force: true })
      await file.close()
    },
  }
}

/** Something that happens now and then, and can be waited for. */
const signal = () => {
  let happen = () => {}
  let next: Promise<void> | undefined
  return {
    now: () => {
      next = undefined
      happen()
    },
    next: () => {
      next ??= new Promise((resolve) => {
        happen = resolve
      })
      return next
    },
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The log that follows one that says to be complete from now on. */
const startNext = async (directory: string, full: LogFile): Promise<LogFile> => {
  const next = createLog(directory, full.number + 1)
  try {
    full.complete()
    return next
  } catch (error) {
    next.close()
    await rm(next.path, { force: true })
    throw error
  }
}

/** A failure after which nothing can be relied on, and those that are to hear of it. */
const firstFailure = () => {
  let tell: (reason: string) => void = () => {}
  const told = new Promise<string>((resolve) => {
    tell = resolve
  })
  let error: HoldfastError | undefined
  return {
    told,
    get error() {
      return error
    },
    is: (reason: HoldfastError): HoldfastError => {
      error ??= reason
      tell(error.message)
      return error
    },
  }
}

const NO_ROOM: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

const unavailable = (directory: string, cause: unknown): HoldfastError => {
  if (isHoldfastError(cause)) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  return new HoldfastError(
    'StoreUnavailable',
    NO_ROOM.includes(code) || /MDB_MAP_FULL|No space left/.test(message)
      ? `the disk that holds ${directory} is full: nothing was changed; free some space and try again`
      : `the data in ${directory} can't be written: ${message}`,
    {},
    { cause },
  )
}
