import { randomBytes } from 'node:crypto'
import { closeSync, fdatasync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { byteWriter } from './byte-writer.ts'
import { beginRecord, endRecord, writeLogHeader } from './log-record.ts'

/**
 * A log that is appended to. What was appended survives the end of the process at any instant, as soon as `append` has
 * returned: the system has it. What was synced survives the end of the machine.
 */
export interface LogFile {
  readonly number: number
  readonly path: string
  readonly salt: number
  readonly size: number
  /** Appends all of it, or throws and has appended nothing. */
  append(bytes: Uint8Array): void
  sync(): Promise<void>
  /** Writes that the log is complete. */
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

/** A new log, or none where it can't be created. */
export const createLog = (directory: string, number: number): LogFile => {
  const path = logPath(directory, number)
  const salt = randomBytes(4).readUInt32LE()
  const fd = openSync(path, 'w', 0o600)
  const header = byteWriter()
  writeLogHeader(header, number, salt)
  let size = 0
  let open = true

  const append = (bytes: Uint8Array): void => {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, size + done)
      size += bytes.length
    } catch (error) {
      // Half a record must not be found there, in front of whatever is written next.
      ftruncateSync(fd, size)
      throw error
    }
  }
  const close = (): void => {
    if (open) closeSync(fd)
    open = false
  }

  try {
    append(header.bytes())
    syncDirectory(directory)
  } catch (error) {
    close()
    rmSync(path, { force: true })
    throw error
  }
  return {
    number,
    path,
    salt,
    get size() {
      return size
    },
    append,
    sync: () => sync(fd),
    complete: () => {
      const end = byteWriter()
      beginRecord(end)
      append(endRecord(end, salt, size))
    },
    close,
  }
}

/** Makes a new name in a directory survive the end of the machine, where the system can do that. */
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
    // Windows has no such thing.
  } finally {
    closeSync(fd)
  }
}
