import { type CachedPartition, cachedPartition, isClean, shorten } from './cached-partition.ts'

export interface CacheLimits {
  /** Values in memory, over all partitions; as many again that the file lacks. */
  readonly values: number
  /** Partitions with values in memory. */
  readonly partitions: number
  /** Values that one read takes from the file. */
  readonly chunk: number
}

export const CACHE_LIMITS: CacheLimits = { values: 12_000, partitions: 4_000, chunk: 256 }

/** The cached partitions of one map. */
export interface PartitionCache<V> {
  find(partition: string): CachedPartition<V> | undefined
  /** The cached partition; created if there is none. */
  of(partition: string): CachedPartition<V>
  /** Drops a partition of which no value is in memory. */
  forgetEmpty(partition: string): void
  /** Counts values that were added to memory, or removed if negative. */
  grew(values: number): void
  readonly hasRoom: boolean
  /** Drops values that the file has too, if there are too many in memory. */
  trim(): void
  entries(): IterableIterator<[string, CachedPartition<V>]>
}

/** @param isStored whether the file has keys of a partition */
export const partitionCache = <V>(isStored: (partition: string) => boolean, limits: CacheLimits): PartitionCache<V> => {
  const partitions = new Map<string, CachedPartition<V>>()
  let uses = 0
  /** An estimate, which each trim corrects. */
  let values = 0
  let maxPartitions = limits.partitions

  const count = () => {
    let sum = 0
    for (const { front, tail } of partitions.values()) sum += front.size + tail.size
    return sum
  }

  /** Keeps the partitions used last, and leaves half of the room free, so that a trim is rare. */
  const trim = (): void => {
    values = count()
    if (values < limits.values && partitions.size < maxPartitions) return
    const latestFirst = [...partitions].sort(([, a], [, b]) => b.usedAt - a.usedAt)
    let room = Math.ceil(limits.values / 2)
    for (const [position, [partition, cached]] of latestFirst.entries()) {
      if (position >= limits.partitions / 2 && isClean(cached)) partitions.delete(partition)
      else if (cached.front.size > room) shorten(cached, room)
      room = Math.max(0, room - cached.front.size)
    }
    values = count()
    // Partitions that the file lacks must stay: a trim at each new one would free nothing.
    maxPartitions = Math.max(limits.partitions, 2 * partitions.size)
  }

  return {
    find: (partition) => partitions.get(partition),
    of: (partition) => {
      let cached = partitions.get(partition)
      if (!cached) {
        if (partitions.size >= maxPartitions) trim()
        cached = cachedPartition(!isStored(partition))
        partitions.set(partition, cached)
      }
      cached.usedAt = ++uses
      return cached
    },
    forgetEmpty: (partition) => {
      const cached = partitions.get(partition)
      if (cached && cached.front.size + cached.tail.size + cached.deleted.size === 0) partitions.delete(partition)
    },
    grew: (by) => {
      values += by
    },
    get hasRoom() {
      return values < 2 * limits.values
    },
    trim,
    entries: () => partitions.entries(),
  }
}
