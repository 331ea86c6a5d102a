import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settled } from './manual-clock.ts'

/** Bytes of this process's memory that are in use, without garbage. */
export const bytesInUse = async (): Promise<number> => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Objects that wait for the next turn of the event loop are not garbage yet.
  for (let turn = 0; turn < 3; turn++) {
    await settled()
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
