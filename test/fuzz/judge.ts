/** What one request within the limits may take at most, whatever is in it. */
const MAX_CPU_MS = 1_000
/** The fuzzer counts each branch, which takes several times as long. What it keeps is measured without it. */
const COUNTED_MAX_CPU_MS = 4_000
const MAX_GROWTH_BYTES = 100 * 1_048_576

/** A broken promise that a fuzzed input has shown. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export const demand = (holds: boolean, broken: string, cause?: unknown): void => {
  if (!holds) throw new Finding(broken, { cause })
}

/**
 * Does one request's work. CPU time is this process's own, so a machine that is busy with other things fails nothing.
 *
 * @throws `Finding` when it takes more time or memory than a request may
 */
export const withinBounds = async <T>(work: () => T | Promise<T>): Promise<T> => {
  const startedAt = process.cpuUsage()
  const before = process.memoryUsage.rss()
  const result = await work()
  const { user, system } = process.cpuUsage(startedAt)
  const cpuMs = Math.round((user + system) / 1_000)
  const grown = process.memoryUsage.rss() - before
  demand(cpuMs <= ('Fuzzer' in globalThis ? COUNTED_MAX_CPU_MS : MAX_CPU_MS), `a request took ${cpuMs} ms of CPU`)
  demand(grown <= MAX_GROWTH_BYTES, `a request took ${Math.round(grown / 1_048_576)} MB`)
  return result
}

/** The result of work that may refuse its input, with an error that `isRefusal` knows; nothing where it refuses. */
export const orRefusal = async <T>(
  work: () => T | Promise<T>,
  isRefusal: (error: unknown) => boolean,
): Promise<T | undefined> =>
  withinBounds(async () => {
    try {
      return await work()
    } catch (error) {
      demand(isRefusal(error), `an input was refused with an error of no known kind: ${String(error)}`, error)
      return undefined
    }
  })
