import { setTimeout as sleep } from 'node:timers/promises'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** The exit code that shells report for a process that Ctrl-C ended. */
const INTERRUPTED = 130

/** Resolves at the first signal to end; a second one ends the process at once. */
export const endingSignal = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of SIGNALS) {
      process.once(signal, () => {
        resolve()
        process.once(signal, () => process.exit(INTERRUPTED))
      })
    }
    // npm passes a signal to the shell that runs this process, and that shell ends without passing it on.
    if (process.env.npm_lifecycle_event !== undefined) void parentGone().then(resolve)
  })

const PARENT_CHECK_MS = 500

const parentGone = async (): Promise<void> => {
  const { ppid } = process
  while (process.ppid === ppid) await sleep(PARENT_CHECK_MS, undefined, { ref: false })
}
