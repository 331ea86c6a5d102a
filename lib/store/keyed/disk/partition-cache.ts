import { type CachedPartition, cachedPartition, isClean, shorten } from './cached-partition.ts'

export interface CacheLimits {
  /** Values in memory, of all partitions; as many again may be there that the file lacks. */
  readonly values: number
  /** Partitions of which there is something in memory. */
  readonly partitions: number
  /** Values that are read from the file at once. */
  readonly chunk: number
}

export const CACHE_LIMITS: CacheLimits = { values: 24_000, partitions: 4_000, chunk: 256 }

/** What is in memory of the partitions of one map. */
export interface PartitionCache<V> {
  find(partition: string): CachedPartition<V> | undefined
  /** Finds it, or makes it. */
  of(partition: string): CachedPartition<V>
  /** Forgets a partition of which there is nothing in memory. */
  forgetEmpty(partition: string): void
  /** Values came into memory, or left it. */
  grew(values: number): void
  readonly hasRoom: boolean
  /** Forgets what need not be in memory, where that is too much. */
  trim(): void
  entries(): IterableIterator<[string, CachedPartition<V>]>
}

/** @param isStored whether the file has anything of a partition */
export const partitionCache = <V>(isStored: (partition: string) => boolean, limits: CacheLimits): PartitionCache<V> => {
  const partitions = new Map<string, CachedPartition<V>>()
  let uses = 0
  /** More or less: counted anew at each trim. */
  let values = 0
  let maxPartitions = limits.partitions

  const count = () => {
    let sum = 0
    for (const { front, tail } of partitions.values()) sum += front.size + tail.size
    return sum
  }

  /** The partitions used last are kept, and half of the room is left free, so that this is seldom done. */
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
    // What the file lacks can't be forgotten: looking for more each time would find nothing.
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
