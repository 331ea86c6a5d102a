import { SingleBar } from 'cli-progress'
import type { Io } from '../io.ts'
import { thousands } from './words.ts'

export interface Progress {
  /** Shows how much is done. `total` is absent where it is not known. */
  at(done: number, total?: number): void
  /** Removes the bar, so that the next output has a line of its own. */
  end(): void
}

/** A bar on stderr where a person watches it; elsewhere nothing. */
export const createProgress = ({ stderr }: Pick<Io, 'stderr'>, doing: string): Progress => {
  if (!stderr.isTTY) return { at: () => {}, end: () => {} }
  const bar = new SingleBar({
    stream: stderr,
    format: `${doing} {bar} {percentage} % · {done} of {all}`,
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    // The command handles Ctrl-C itself and reports how far it got.
    gracefulExit: false,
    linewrap: false,
  })
  let started = false
  return {
    at: (done, total = 0) => {
      const most = Math.max(done, total)
      const payload = { done: thousands(done), all: thousands(most) }
      if (!started) bar.start(most, done, payload)
      started = true
      bar.setTotal(most)
      bar.update(done, payload)
    },
    end: () => {
      if (started) bar.stop()
      started = false
    },
  }
}
