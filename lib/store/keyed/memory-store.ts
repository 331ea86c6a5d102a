import { type Clock, systemClock } from '../../clock.ts'
import type { Store } from '../port.ts'
import type { Maps } from './entries.ts'
import { keyedStore } from './keyed-store.ts'
import { memoryMap } from './memory-map.ts'
import type { KeyedMaps } from './ordered-map.ts'

/** The store in memory: the reference for every other. All is lost when the process ends. */
export const memoryStore = ({ clock = systemClock }: { clock?: Clock } = {}): Store =>
  keyedStore({ maps: memoryMaps(), clock, readsMayWrite: true })

const memoryMaps = (): KeyedMaps<Maps> => {
  const maps: Maps = { segments: memoryMap(), documents: memoryMap(), tickets: memoryMap() }
  const atomically = async <T>(work: (maps: Maps) => T): Promise<T> => work(maps)
  return { atomically, look: atomically }
}
