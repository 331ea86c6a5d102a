import { HoldfastError, isHoldfastError } from '../../../model/errors.ts'

const NO_ROOM: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** The error for what could not be written to a directory. */
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

/** The first failure after which nothing can be relied on. */
export interface Downfall {
  readonly error: HoldfastError | undefined
  /** Resolves with its message. */
  readonly told: Promise<string>
  /** Takes note of it; answers the first one. */
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
