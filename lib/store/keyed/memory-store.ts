import { type Clock, systemClock } from '../../clock.ts'
import type { Store } from '../port.ts'
import type { Maps } from './entries.ts'
import { keyedStore } from './keyed-store.ts'
import { MemoryMap } from './memory-map.ts'
import type { KeyedMaps } from './ordered-map.ts'
import { type Reclaim, reclaimer } from './reclaim.ts'

/**
 * The store in memory, the reference for every other store. Its data is lost when the process ends. A process that runs for
 * a long time calls `reclaim` from time to time, which frees expired messages.
 */
export const memoryStore = ({ clock = systemClock }: { clock?: Clock } = {}): Store & Reclaim => {
  const maps = memoryMaps()
  return { ...keyedStore({ maps, clock, readsMayWrite: true }), ...reclaimer(maps, clock) }
}

const memoryMaps = (): KeyedMaps<Maps> => {
  const maps: Maps = { segments: new MemoryMap(), documents: new MemoryMap(), tickets: new MemoryMap() }
  const atomically = async <T>(work: (maps: Maps) => T): Promise<T> => work(maps)
  return { atomically, read: atomically }
}
