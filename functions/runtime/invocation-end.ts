import type { Context } from 'aws-lambda'

/** Lambda ends an invocation at its timeout without running any more code, so what was counted is written this long before. */
const BEFORE_TIMEOUT_MS = 300

/**
 * Runs an invocation, and calls `write` at its end, after a failure too. It also calls `write` shortly before Lambda's timeout, so that
 * an invocation that times out loses only what it counts in its last moments.
 *
 * @param write gets the start of the time that it is to account for, by `performance.now()`
 */
export const writingAtEnd = async <T>(
  context: Pick<Context, 'getRemainingTimeInMillis'>,
  write: (startedAt: number) => void,
  work: () => Promise<T>,
): Promise<T> => {
  let from = performance.now()
  const writeSoFar = (): void => {
    write(from)
    from = performance.now()
  }
  const timer = setTimeout(writeSoFar, Math.max(0, context.getRemainingTimeInMillis() - BEFORE_TIMEOUT_MS))
  try {
    return await work()
  } finally {
    clearTimeout(timer)
    writeSoFar()
  }
}
