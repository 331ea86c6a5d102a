import { rm } from 'node:fs/promises'
import type { Clock } from '../../../clock.ts'
import type { HoldfastError } from '../../../model/errors.ts'
import { unavailable } from './fault.ts'
import type { LogFile } from './log-file.ts'

/** Empties logs into the file, one at a time, and retries until it succeeds. */
export interface LogEmptier {
  readonly isRunning: boolean
  /** Why the log can't be emptied at present. */
  readonly obstacle: HoldfastError | undefined
  /** Starts the next log and empties the full one; does nothing while a log is being emptied. */
  run(next: () => LogFile): void
  /** Resolves when a log has been emptied. @throws `StoreUnavailable` when that may take a while */
  caughtUp(): Promise<void>
  /** Resolves when the running work has ended; a failure is not retried. */
  stop(): Promise<void>
}

export interface LogEmptierParts {
  readonly directory: string
  readonly clock: Clock
  readonly warn: (message: string, error: unknown) => void
  /** Empties a whole log into the file. */
  readonly empty: (path: string, number: number) => Promise<void>
}

const RETRY_MS = 1_000

/** @param synced resolves when the logs are on the disk: the file must not be ahead of them */
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
      if (!obstacle) warn('the log of changes can not be emptied into the data file, and is retried', error)
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
      warn('a new log of changes can not be started, and is retried', error)
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
