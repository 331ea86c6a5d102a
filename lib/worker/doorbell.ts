/** Wakes everything that waits for it. A ring has no effect on later waits. */
export interface Doorbell {
  ring(): void
  /** Resolves at the next ring. */
  rung(): Promise<void>
}

/** An abort signal could do the same, but each ring would cost an exception with its stack. */
export const doorbell = (): Doorbell => {
  let waiting: (() => void)[] = []
  return {
    ring: () => {
      if (waiting.length === 0) return
      const all = waiting
      waiting = []
      for (const wake of all) wake()
    },
    rung: () => new Promise((resolve) => waiting.push(resolve)),
  }
}
