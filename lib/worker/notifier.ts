/** Wakes everything that waits for it. A notice has no effect on later waits. */
export interface Notifier {
  notify(): void
  /** Resolves at the next notice. */
  notified(): Promise<void>
}

/** An abort signal could do the same, but each notice would cost an exception with its stack. */
export const notifier = (): Notifier => {
  let waiting: (() => void)[] = []
  return {
    notify: () => {
      if (waiting.length === 0) return
      const all = waiting
      waiting = []
      for (const wake of all) wake()
    },
    notified: () => new Promise((resolve) => waiting.push(resolve)),
  }
}
