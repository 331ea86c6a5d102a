/** Wakes whatever waits for it; who is not waiting misses it. */
export interface Doorbell {
  ring(): void
  /** Resolves at the next ring. */
  rung(): Promise<void>
}

/** An abort signal could do the same, for the price of an exception with its stack at each ring. */
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
