import { rm } from 'node:fs/promises'
import type { Clock } from '../../../clock.ts'
import type { HoldfastError } from '../../../model/errors.ts'
import { unavailable } from './fault.ts'
import type { LogFile } from './log-file.ts'

export interface LogEmptierParts {
  readonly directory: string
  readonly clock: Clock
  readonly warn: (message: string, error: unknown) => void
  /** Empties a whole log into the file. */
  readonly empty: (path: string, number: number) => Promise<void>
}

const RETRY_MS = 1_000

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: HoldfastError) => void
}

/** Empties logs into the file, one at a time. Retries each until it is emptied. */
export class LogEmptier {
  readonly #parts: LogEmptierParts
  readonly #synced: () => Promise<void>
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined
  #obstacle: HoldfastError | undefined
  #waiting: Waiting[] = []

  /** @param synced resolves when the logs are on the disk, which must have them before the file has their changes */
  constructor(parts: LogEmptierParts, synced: () => Promise<void>) {
    this.#parts = parts
    this.#synced = synced
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** The error of the last try to empty the present log; undefined if it has not failed. */
  get obstacle(): HoldfastError | undefined {
    return this.#obstacle
  }

  /** Starts the next log and empties the full one; does nothing while a log is being emptied. */
  run(next: () => LogFile): void {
    this.#running ??= this.#work(next).finally(() => {
      this.#running = undefined
      this.#endWaits()
    })
  }

  /** Resolves when no log is being emptied. @throws `StoreUnavailable` where the last try failed */
  caughtUp(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#running) resolve()
      else if (this.#obstacle) reject(this.#obstacle)
      else this.#waiting.push({ resolve, reject })
    })
  }

  /** Resolves when the present try has ended. A failure is not retried any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #work(next: () => LogFile): Promise<void> {
    const { clock, warn } = this.#parts
    const { signal } = this.#stopping
    let full: LogFile
    try {
      full = next()
    } catch (error) {
      warn("a new log of changes can't be created; the server tries again in a second", error)
      await clock.sleep(RETRY_MS, signal)
      return
    }
    while (!(await this.#empty(full)) && !signal.aborted) await clock.sleep(RETRY_MS, signal)
  }

  /** Empties a log into the file and deletes it. Returns whether it did. */
  async #empty(log: LogFile): Promise<boolean> {
    const { directory, warn, empty } = this.#parts
    try {
      await this.#synced()
      await empty(log.path, log.number)
      log.close()
      await rm(log.path, { force: true })
      this.#obstacle = undefined
      return true
    } catch (error) {
      if (!this.#obstacle)
        warn("the log of changes can't be emptied into the data file; the server tries again each second", error)
      this.#obstacle = unavailable(directory, error)
      this.#endWaits()
      return false
    }
  }

  /** Ends the waits of `caughtUp`. */
  #endWaits(): void {
    for (const { resolve, reject } of this.#waiting) this.#obstacle ? reject(this.#obstacle) : resolve()
    this.#waiting = []
  }
}
