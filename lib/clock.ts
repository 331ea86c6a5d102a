/** Time as the engine sees it. Passed in, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Resolves after `ms` of this clock's time, or as soon as `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** How far the clock may be off to either side, ms. @default 0: it is to be trusted */
  doubtMs?(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
    }),
}

/** Time since some instant, ms, that no one can set: for spans within one process. */
export const monotonicClock: Clock = { now: () => performance.now(), sleep: systemClock.sleep }
