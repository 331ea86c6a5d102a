import { randomBytes } from 'node:crypto'
import { closeSync, fdatasync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { thisBoot } from './boot.ts'
import { byteWriter } from './byte-writer.ts'
import { beginRecord, endRecord, type LogPlace, writeLogHeader } from './log-record.ts'

/**
 * A log that is appended to. Once `append` has returned, the operating system has the bytes, which survive the end of the
 * process at any instant. Synced bytes survive the end of the machine.
 */
export interface LogFile extends LogPlace {
  readonly number: number
  readonly path: string
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

/** A new log, or none where it can't be created. `boot` names the start of the machine. */
export const createLog = (directory: string, number: number, boot = thisBoot()): LogFile => {
  const path = logPath(directory, number)
  const salt = randomBytes(4).readUInt32LE()
  const fd = openSync(path, 'w', 0o600)
  const header = byteWriter()
  writeLogHeader(header, { number, salt, boot })
  let size = 0
  let synced = 0
  let isDirty = false
  let open = true

  /** Half a record must not be found there, behind whatever is written next. */
  const clean = (): void => {
    ftruncateSync(fd, size)
    isDirty = false
  }
  const append = (bytes: Uint8Array): void => {
    try {
      if (isDirty) clean()
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, size + done)
      size += bytes.length
    } catch (error) {
      isDirty = true
      try {
        clean()
      } catch {
        // It is tried again before anything else is appended.
      }
      throw error
    }
  }
  const close = (): void => {
    if (open) closeSync(fd)
    open = false
  }

  try {
    append(header.bytes())
    // What is found without a header is damaged.
    fdatasyncSync(fd)
    synced = size
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
    get synced() {
      return synced
    },
    append,
    sync: async () => {
      const until = size
      await sync(fd)
      synced = Math.max(synced, until)
    },
    complete: () => {
      const end = byteWriter()
      beginRecord(end)
      append(endRecord(end, { salt, size, synced }))
    },
    close,
  }
}

/** Makes a new name in a directory survive the end of the machine, if the system can do that. */
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
    // Windows can not sync a directory.
  } finally {
    closeSync(fd)
  }
}
