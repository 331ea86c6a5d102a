import { HoldfastError, isHoldfastError } from '../../../model/errors.ts'

const NO_ROOM: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** The error for a failed write in a directory. */
export const unavailable = (directory: string, cause: unknown): HoldfastError => {
  if (isHoldfastError(cause)) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  return new HoldfastError(
    'StoreUnavailable',
    NO_ROOM.includes(code) || /No space left/.test(message)
      ? `the disk that holds ${directory} is full: nothing was changed; free some space and try again`
      : `the data in ${directory} can't be written: ${message}`,
    {},
    { cause },
  )
}

/** Records the first failure after which the store can't go on. */
export interface Downfall {
  readonly error: HoldfastError | undefined
  /** Resolves with its message. */
  readonly told: Promise<string>
  /** Records a failure. Returns the first one. */
  of(error: HoldfastError): HoldfastError
}

export const downfall = (): Downfall => {
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
    of: (reason) => {
      error ??= reason
      tell(error.message)
      return error
    },
  }
}
