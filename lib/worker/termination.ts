/** Functions that are called at SIGTERM. */
const stops = new Set<() => Promise<void>>()

/**
 * Registers `stop` to be called at SIGTERM. Returns a function that unregisters it. When all registered functions have resolved, the
 * process ends by the signal, as it would without a listener. If other code listens for the signal, that code ends the process.
 */
export const onTermination = (stop: () => Promise<void>): (() => void) => {
  if (stops.size === 0) process.on('SIGTERM', terminate)
  stops.add(stop)
  return () => {
    stops.delete(stop)
    if (stops.size === 0) process.off('SIGTERM', terminate)
  }
}

const terminate = (): void => {
  void Promise.allSettled([...stops].map((stop) => stop())).then(() => {
    process.off('SIGTERM', terminate)
    if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM')
  })
}
