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
  /** The id of this start of the machine. @default the operating system's */
  readonly boot?: Uint8Array
  readonly warn: (message: string, error: unknown) => void
}

/**
 * Empties the logs that the last process left into the file. Returns the number for the next log.
 *
 * @throws an error whose message says what to do, where a log is damaged or in another layout
 */
export const recover = async ({ directory, file, boot = thisBoot(), warn }: RecoveryParts): Promise<number> => {
  const { emptied } = file
  const numbers = await logNumbers(directory)
  const readNext = logReader(boot)
  const remove = (number: number) => rm(logPath(directory, number))
  // The last process ended between emptying these logs and removing them.
  for (const number of numbers) if (number <= emptied) await remove(number)
  const left = numbers.filter((number) => number > emptied)
  for (const [at, number] of left.entries()) {
    const path = logPath(directory, number)
    if (number !== emptied + at + 1) throw brokenLogs(logPath(directory, number - 1), path)
    const log = await readNext(path)
    const behind = log.end === 'complete' ? [] : left.slice(at + 1)
    for (const next of behind) await checkLeftOut(path, logPath(directory, next), { boot, warn })
    // One write marks this log as emptied and the logs behind it as left out, so that they are never used without the end of this one.
    await emptyInto(file, log, behind.at(-1) ?? number).catch((error: unknown) => {
      throw unavailable(directory, error)
    })
    await remove(number)
    for (const next of behind) await remove(next)
    if (behind.length > 0) break
  }
  return (numbers.at(-1) ?? emptied) + 1
}

/**
 * Checks a log that continues a log without an end. After an end of the machine the changes of such a log are left out, with
 * a warning. Otherwise the missing end is damage.
 */
const checkLeftOut = async (
  path: string,
  next: string,
  { boot, warn }: Pick<RecoveryParts, 'warn'> & { boot: Uint8Array },
): Promise<void> => {
  const { changes, isOfThisBoot } = await logReader(boot)(next)
  if (changes.length === 0) return
  if (isOfThisBoot) throw brokenLogs(path, next)
  warn(
    `the changes in ${next} are left out: they continue ${path}, which lost its end when the machine ended`,
    undefined,
  )
}
