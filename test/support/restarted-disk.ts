import type { Clock } from '../../lib/clock.ts'
import { type DiskStore, diskStore } from '../../lib/store/keyed/disk/disk-store.ts'
import type { Store } from '../../lib/store/port.ts'
import { quickDirectory } from './temporary-directory.ts'

export interface RestartedDisk {
  readonly store: Store
  /** Closes the store and opens it again, between two operations. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface RestartedDiskOptions {
  readonly clock: Clock
  /** Restarts automatically after so many operations. @default never */
  readonly every?: number
  readonly logBytes?: number
}

/** A store on disk whose operations wait while it is closed and opened again. */
export const restartedDisk = async ({
  clock,
  every,
  logBytes = 3_000,
}: RestartedDiskOptions): Promise<RestartedDisk> => {
  const directory = quickDirectory()
  const open = () => diskStore({ directory, clock, logBytes })
  let current: DiskStore = await open()
  const inProgress = new Set<Promise<unknown>>()
  let restarting: Promise<void> | undefined
  let operations = 0

  const reopen = async (): Promise<void> => {
    await Promise.allSettled(inProgress)
    await current.close()
    current = await open()
  }
  const restart = (): Promise<void> => {
    restarting ??= reopen().finally(() => {
      restarting = undefined
    })
    return restarting
  }
  const passed = (name: keyof Store) => {
    return async (...args: never[]): Promise<unknown> => {
      if (every !== undefined && ++operations % every === 0) void restart()
      while (restarting !== undefined) await restarting
      const operation = (current[name] as (...args: never[]) => Promise<unknown>)(...args)
      inProgress.add(operation)
      return operation.finally(() => inProgress.delete(operation))
    }
  }
  const names = Object.keys(current).filter((name) => name !== 'close' && name !== 'failed') as (keyof Store)[]
  return {
    store: Object.fromEntries(names.map((name) => [name, passed(name)])) as unknown as Store,
    restart,
    close: () => current.close(),
  }
}
