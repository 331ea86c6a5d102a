/** What is to be stopped when the process is asked to end. */
const stops = new Set<() => Promise<void>>()

/**
 * Has `stop` called on SIGTERM; answers how to call that off. Once all that is registered has stopped the process ends
 * by the signal, as it would have without this, unless others listen for it too: then it is theirs to end it.
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
