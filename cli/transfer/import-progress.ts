import { open } from 'node:fs/promises'
import { UsageError } from '../../functions/local/usage-error.ts'
import { isCount, isTransfer, type ProgressJson, readProgress } from './export-file.ts'

/** How far an import is: each line up to `bytes` is published or refused, and those up to `sendingTo` may be. */
export interface Imported {
  readonly queue: string
  readonly run: string
  readonly bytes: number
  /** Lines up to `bytes`, blank ones included. */
  readonly lines: number
  readonly count: number
  readonly refused: number
  /** When the batch was sent that is on its way: under its key a repeat within ten minutes stores nothing more. */
  readonly sendingSince?: number
  /** Where that batch ends. A file that has grown since would begin with a larger batch, which the key does not cover. */
  readonly sendingTo?: number
}

export const progressOf = (input: string): string => `${input}.import-progress`

/**
 * The progress of an earlier import of a file, if that is not complete.
 *
 * @throws `UsageError` where the file, or what is in it, is not what the progress is about
 */
export const readImported = async (
  input: string,
  { queue, size }: { readonly queue: string; readonly size: number },
): Promise<Imported | undefined> => {
  const before = await readProgress(progressOf(input), isImported)
  if (!before) return undefined
  if (before.queue !== queue) {
    throw new UsageError(`${input} is being imported into ${before.queue}: remove ${progressOf(input)} to begin anew`)
  }
  if ((before.sendingTo ?? before.bytes) > size) {
    throw new UsageError(`${input} is shorter than its progress says: remove ${progressOf(input)} to begin anew`)
  }
  if (!(await isLineStart(input, before.bytes))) throw changedSince(input)
  return before
}

export const changedSince = (input: string): UsageError =>
  new UsageError(`${input} was changed since its import began: remove ${progressOf(input)} to begin anew`)

/** The server keeps a key for ten minutes: a repeat that begins later may make a second copy. */
const KEY_KNOWN_MS = 540_000

/** Whether a repeat of the batch on its way may make a second copy. A clock that was set back does not tell the age of the key. */
export const isKeyForgotten = ({ sendingSince }: Imported, now: number): boolean =>
  sendingSince !== undefined && Math.abs(now - sendingSince) > KEY_KNOWN_MS

const LF = 0x0a

/** Whether a line ends before this byte. The end of the last line has no line feed behind it, until the file grows. */
const isLineStart = async (input: string, byte: number): Promise<boolean> => {
  const file = await open(input)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, Math.max(0, byte - 1))
    return byte === 0 || bytesRead < 2 || buffer.includes(LF)
  } finally {
    await file.close()
  }
}

const isImported = (value: ProgressJson): value is ProgressJson & Imported =>
  isTransfer(value) &&
  isCount(value.lines) &&
  isCount(value.refused) &&
  typeof value.run === 'string' &&
  RUN.test(value.run) &&
  (value.sendingSince === undefined ? value.sendingTo === undefined : isSending(value))

const isSending = ({ sendingSince, sendingTo, bytes }: ProgressJson): boolean =>
  isCount(sendingSince) && isCount(sendingTo) && (sendingTo as number) > (bytes as number)

/** The run's part of the idempotency keys. */
const RUN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
