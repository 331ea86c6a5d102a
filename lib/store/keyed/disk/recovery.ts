import { rm } from 'node:fs/promises'
import { thisBoot } from './boot.ts'
import { emptyInto, logReader } from './checkpoint.ts'
import { brokenLogs } from './damage.ts'
import { unavailable } from './fault.ts'
import type { LmdbFile } from './lmdb-file.ts'
import { logNumbers, logPath } from './log-file.ts'

export interface RecoveryParts {
  readonly directory: string
  readonly file: LmdbFile
  /** Names this start of the machine. @default as the system does */
  readonly boot?: Uint8Array
  readonly warn: (message: string, error: unknown) => void
}

/**
 * Empties the logs that the last process left into the file. Returns the number of the next log.
 *
 * @throws an error that says what to do where a log is damaged, or in another layout
 */
export const recover = async ({ directory, file, boot = thisBoot(), warn }: RecoveryParts): Promise<number> => {
  const { emptied } = file
  const numbers = await logNumbers(directory)
  const readNext = logReader(boot)
  const remove = (number: number) => rm(logPath(directory, number))
  // The process ended before it had removed them.
  for (const number of numbers) if (number <= emptied) await remove(number)
  const left = numbers.filter((number) => number > emptied)
  for (const [at, number] of left.entries()) {
    const path = logPath(directory, number)
    if (number !== emptied + at + 1) throw brokenLogs(logPath(directory, number - 1), path)
    const log = await readNext(path)
    const behind = log.end === 'complete' ? [] : left.slice(at + 1)
    for (const next of behind) await checkLeftOut(path, logPath(directory, next), { boot, warn })
    // That the logs behind are left out is kept in one step with the end of this one: they never count without it.
    await emptyInto(file, log, behind.at(-1) ?? number).catch((error: unknown) => {
      throw unavailable(directory, error)
    })
    await remove(number)
    for (const next of behind) await remove(next)
    if (behind.length > 0) break
  }
  return (numbers.at(-1) ?? emptied) + 1
}

/** What goes on from a log whose end was lost with the machine counts for nothing; with no machine's end it is damage. */
const checkLeftOut = async (
  path: string,
  next: string,
  { boot, warn }: Pick<RecoveryParts, 'warn'> & { boot: Uint8Array },
): Promise<void> => {
  const { changes, isOfThisBoot } = await logReader(boot)(next)
  if (changes.length === 0) return
  if (isOfThisBoot) throw brokenLogs(path, next)
  warn(`${next} goes on from ${path}, whose end was lost with the machine, and is left out`, undefined)
}
