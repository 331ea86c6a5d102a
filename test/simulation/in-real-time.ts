import type { Store } from '../../lib/store/port.ts'
import { settled } from '../support/manual-clock.ts'

/** Stops simulated time while the store works on a request. */
export const inRealTime = () => {
  const atWork = new Set<Promise<unknown>>()
  const work = <A extends unknown[], T>(request: (...args: A) => Promise<T>) => {
    return (...args: A): Promise<T> => {
      const done = request(...args).finally(() => atWork.delete(done))
      atWork.add(done)
      return done
    }
  }
  return {
    counted: (store: Store): Store =>
      Object.fromEntries(Object.entries(store).map(([name, request]) => [name, work(request)])) as unknown as Store,
    quiet: async () => {
      for (await settled(); atWork.size > 0; await settled())
        await Promise.race([...atWork].map((one) => one.catch(() => {})))
    },
  }
}
