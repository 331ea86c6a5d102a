import { randomBytes } from 'node:crypto'
import { closeSync, fdatasync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { thisBoot } from './boot.ts'
import { ByteWriter } from './byte-writer.ts'
import { placeOf } from './file-place.ts'
import { beginRecord, endRecord, type LogPlace, writeLogHeader } from './log-record.ts'

/**
 * A log that is appended to. Once `append` has returned, the operating system has the bytes: they survive the end of the
 * process at any instant. Bytes that are synced survive the end of the machine too.
 */
export interface LogFile extends LogPlace {
  readonly number: number
  readonly path: string
  /** Appends all of the bytes, or throws and appends none. */
  append(bytes: Uint8Array): void
  sync(): Promise<void>
  /** Whether the log is still in its directory. */
  isInPlace(): boolean
  /** Appends the record that marks the log as complete. */
  complete(): void
  close(): void
}

const sync = promisify(fdatasync)

export const logPath = (directory: string, number: number): string => join(directory, `log.${number}`)

/** Numbers of the logs in a directory, in order. */
export const logNumbers = async (directory: string): Promise<number[]> =>
  (await readdir(directory))
    .map((name) => /^log\.(\d+)$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)

/** Creates a log. Throws, and leaves no file, where it can't. @param boot the id of this start of the machine */
export const createLog = (directory: string, number: number, boot = thisBoot()): LogFile => {
  const path = logPath(directory, number)
  const salt = randomBytes(4).readUInt32LE()
  const log = new AppendedFile(path, number, salt)
  try {
    const header = new ByteWriter()
    writeLogHeader(header, { number, salt, boot })
    log.append(header.bytes())
    // The header must be on the disk first: a log without one counts as damaged.
    log.syncNow()
    syncDirectory(directory)
  } catch (error) {
    log.close()
    rmSync(path, { force: true })
    throw error
  }
  return log
}

class AppendedFile implements LogFile {
  readonly path: string
  readonly number: number
  readonly salt: number
  readonly #fd: number
  readonly isInPlace: () => boolean
  #size = 0
  #synced = 0
  /** Whether part of a record may lie behind the last whole one. */
  #isDirty = false
  #isOpen = true

  constructor(path: string, number: number, salt: number) {
    this.path = path
    this.number = number
    this.salt = salt
    this.#fd = openSync(path, 'w', 0o600)
    this.isInPlace = placeOf(path)
  }

  get size(): number {
    return this.#size
  }

  get synced(): number {
    return this.#synced
  }

  append(bytes: Uint8Array): void {
    try {
      if (this.#isDirty) this.#clean()
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#size + done)
      }
      this.#size += bytes.length
    } catch (error) {
      this.#isDirty = true
      try {
        this.#clean()
      } catch {
        // The next append tries to clean the log first.
      }
      throw error
    }
  }

  async sync(): Promise<void> {
    const until = this.#size
    await sync(this.#fd)
    this.#synced = Math.max(this.#synced, until)
  }

  syncNow(): void {
    fdatasyncSync(this.#fd)
    this.#synced = this.#size
  }

  complete(): void {
    const end = new ByteWriter()
    beginRecord(end)
    this.append(endRecord(end, this))
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#fd)
    this.#isOpen = false
  }

  /** Removes the part of a record that a failed write left, so that a later record does not follow it. */
  #clean(): void {
    ftruncateSync(this.#fd, this.#size)
    this.#isDirty = false
  }
}

/** Makes a new file's name survive the end of the machine, where the operating system can do that. */
const syncDirectory = (directory: string): void => {
  let fd: number
  try {
    fd = openSync(directory, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(fd)
  } catch {
    // Windows can't sync a directory.
  } finally {
    closeSync(fd)
  }
}
