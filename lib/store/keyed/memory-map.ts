import type { OrderedMap } from './ordered-map.ts'
import { type SortedMap, sortedMap } from './sorted-map.ts'

/** Partitions that became empty are kept for the next write to them, this many at most. */
const MAX_EMPTY = 1_000

/** An ordered map in memory. Its work is atomic because it never yields. */
export const memoryMap = <V>(): OrderedMap<V> => {
  const maps = new Map<string, SortedMap<V>>()
  /** Partitions that held nothing when they were last written to. */
  const empty = new Set<string>()

  // Several lookups in a row are of one partition.
  let lastPartition: string | undefined
  let lastMap: SortedMap<V> | undefined

  const mapOf = (partition: string): SortedMap<V> | undefined => {
    if (partition === lastPartition) return lastMap
    lastPartition = partition
    lastMap = maps.get(partition)
    return lastMap
  }
  const newMap = (partition: string): SortedMap<V> => {
    const map = sortedMap<V>()
    maps.set(partition, map)
    lastPartition = partition
    lastMap = map
    return map
  }
  const dropEmpty = () => {
    for (const partition of empty) if (maps.get(partition)?.size === 0) maps.delete(partition)
    empty.clear()
    lastPartition = undefined
  }

  return {
    get: (partition, sort) => mapOf(partition)?.get(sort),
    isBehind: (partition, sort) => mapOf(partition)?.isBehind(sort) ?? true,
    set: (partition, sort, value) => (mapOf(partition) ?? newMap(partition)).set(sort, value),
    delete: (partition, sort) => {
      const map = mapOf(partition)
      if (!map) return
      map.delete(sort)
      if (map.size === 0 && empty.add(partition).size > MAX_EMPTY) dropEmpty()
    },
    visit: (partition, from, to, show) => mapOf(partition)?.visit(from, to, show),
    scan: (partition, from, show) => mapOf(partition)?.visit(from, '\uffff', show),
    partitions: function* () {
      dropEmpty()
      yield* maps.keys()
    },
  }
}
