import { statfsSync } from 'node:fs'
import { HoldfastError, isHoldfastError } from '../../../model/errors.ts'

const NO_ROOM: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']
/** LMDB's error number for a write that had room for only a part. */
const EIO = 5
const MIN_FREE_BYTES = 1_048_576

const isFull = (directory: string, { code, message }: { code?: unknown; message: string }): boolean => {
  if (NO_ROOM.includes(code) || /No space left|Disk quota|File too large/.test(message)) return true
  if (code !== EIO) return false
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize < MIN_FREE_BYTES
}

/** The error for a failed write in a directory. */
export const unavailable = (directory: string, cause: unknown): HoldfastError => {
  if (isHoldfastError(cause)) return cause
  const { message } = cause as Error
  return new HoldfastError(
    'StoreUnavailable',
    isFull(directory, cause as Error)
      ? `the disk that holds ${directory} is full: nothing was changed; free some space and try again`
      : `the data in ${directory} can't be written: ${message}`,
    {},
    { cause },
  )
}

/** The error where the files of a directory are no longer in it: what is written to them would not be found again. */
export const removed = (directory: string): HoldfastError =>
  new HoldfastError(
    'StoreUnavailable',
    `the data in ${directory} was removed or replaced while it was in use: nothing more is stored; start again`,
  )

/** Records the first failure after which the store can't go on. */
export interface FirstFailure {
  readonly error: HoldfastError | undefined
  /** Resolves with the message of the failure. */
  readonly reason: Promise<string>
  /** Records a failure. Returns the first one. */
  of(error: HoldfastError): HoldfastError
}

export const firstFailure = (): FirstFailure => {
  let settle: (message: string) => void = () => {}
  const reason = new Promise<string>((resolve) => {
    settle = resolve
  })
  let error: HoldfastError | undefined
  return {
    reason,
    get error() {
      return error
    },
    of: (reason) => {
      error ??= reason
      settle(error.message)
      return error
    },
  }
}
