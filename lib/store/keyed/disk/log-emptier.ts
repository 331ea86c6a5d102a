import { rm } from 'node:fs/promises'
import type { Clock } from '../../../clock.ts'
import type { HoldfastError } from '../../../model/errors.ts'
import { unavailable } from './fault.ts'
import type { LogFile } from './log-file.ts'

/** Brings logs into the file, one at a time and however often it takes. */
export interface LogEmptier {
  readonly isRunning: boolean
  /** Why the log can't be brought into the file at present. */
  readonly obstacle: HoldfastError | undefined
  /** Closes one log in favour of the next, and empties it; does nothing while that is under way. */
  run(next: () => LogFile): void
  /** Resolves when a log has been emptied. @throws `StoreUnavailable` when that may take a while */
  caughtUp(): Promise<void>
  /** Resolves when nothing is under way any more; what fails is not tried again. */
  stop(): Promise<void>
}

export interface LogEmptierParts {
  readonly directory: string
  readonly clock: Clock
  readonly warn: (message: string, error: unknown) => void
  /** Brings a whole log into the file. */
  readonly empty: (path: string, number: number) => Promise<void>
}

const RETRY_MS = 1_000

/** @param synced resolves when the disk has all of the logs: the file must not get ahead of them */
export const logEmptier = (parts: LogEmptierParts, synced: () => Promise<void>): LogEmptier => {
  const { directory, clock, warn } = parts
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  let obstacle: HoldfastError | undefined
  let waiting: { resolve: () => void; reject: (error: HoldfastError) => void }[] = []

  const tell = (): void => {
    for (const { resolve, reject } of waiting) obstacle ? reject(obstacle) : resolve()
    waiting = []
  }
  const emptied = async (log: LogFile): Promise<boolean> => {
    try {
      await synced()
      await parts.empty(log.path, log.number)
      log.close()
      await rm(log.path, { force: true })
      obstacle = undefined
      return true
    } catch (error) {
      if (!obstacle) warn('what is new can not be brought into the data file yet', error)
      obstacle = unavailable(directory, error)
      tell()
      return false
    }
  }
  const work = async (next: () => LogFile): Promise<void> => {
    let full: LogFile
    try {
      full = next()
    } catch (error) {
      warn('a new log can not be started yet', error)
      await clock.sleep(RETRY_MS, stopping.signal)
      return
    }
    while (!(await emptied(full)) && !stopping.signal.aborted) await clock.sleep(RETRY_MS, stopping.signal)
  }

  return {
    get isRunning() {
      return running !== undefined
    },
    get obstacle() {
      return obstacle
    },
    run: (next) => {
      running ??= work(next).finally(() => {
        running = undefined
        tell()
      })
    },
    caughtUp: () =>
      new Promise((resolve, reject) => {
        if (!running) resolve()
        else if (obstacle) reject(obstacle)
        else waiting.push({ resolve, reject })
      }),
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}
