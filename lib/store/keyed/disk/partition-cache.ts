import { type CachedPartition, cachedPartition, isClean, shorten } from './cached-partition.ts'

export interface CacheLimits {
  /** How many values of all partitions are kept in memory, besides as many that the file lacks. */
  readonly values: number
  /** How many partitions have values in memory. */
  readonly partitions: number
  /** How many values one read takes from the file. */
  readonly chunk: number
}

export const CACHE_LIMITS: CacheLimits = { values: 12_000, partitions: 4_000, chunk: 256 }

/** The cached partitions of one map. */
export class PartitionCache<V> {
  readonly #isStored: (partition: string) => boolean
  readonly #limits: CacheLimits
  readonly #partitions = new Map<string, CachedPartition<V>>()
  #uses = 0
  /** How many values are in memory: an estimate, which each trim corrects. */
  #values = 0
  #maxPartitions: number

  /** @param isStored whether the file has keys of a partition */
  constructor(isStored: (partition: string) => boolean, limits: CacheLimits) {
    this.#isStored = isStored
    this.#limits = limits
    this.#maxPartitions = limits.partitions
  }

  get hasRoom(): boolean {
    return this.#values < 2 * this.#limits.values
  }

  find(partition: string): CachedPartition<V> | undefined {
    return this.#partitions.get(partition)
  }

  /** The cached partition, which is created if there is none. */
  of(partition: string): CachedPartition<V> {
    let cached = this.#partitions.get(partition)
    if (!cached) {
      if (this.#partitions.size >= this.#maxPartitions) this.trim()
      cached = cachedPartition(!this.#isStored(partition))
      this.#partitions.set(partition, cached)
    }
    cached.usedAt = ++this.#uses
    return cached
  }

  /** Drops a partition, if none of its values is in memory. */
  forgetEmpty(partition: string): void {
    const cached = this.#partitions.get(partition)
    if (cached && cached.front.size + cached.tail.size + cached.deleted.size === 0) this.#partitions.delete(partition)
  }

  /** @param values how many values were added to memory; negative if they were removed */
  grew(values: number): void {
    this.#values += values
  }

  /**
   * Drops values that the file has too, if there are too many in memory. Keeps the partitions that were used last, and leaves
   * half of the room free, so that the next trim is not needed soon.
   */
  trim(): void {
    const { values, partitions } = this.#limits
    this.#values = this.#count()
    if (this.#values < values && this.#partitions.size < this.#maxPartitions) return
    const latestFirst = [...this.#partitions].sort(([, a], [, b]) => b.usedAt - a.usedAt)
    let room = Math.ceil(values / 2)
    for (const [position, [partition, cached]] of latestFirst.entries()) {
      if (position >= partitions / 2 && isClean(cached)) this.#partitions.delete(partition)
      else if (cached.front.size > room) shorten(cached, room)
      room = Math.max(0, room - cached.front.size)
    }
    this.#values = this.#count()
    // Partitions that the file lacks must stay: a trim at each new one would free nothing.
    this.#maxPartitions = Math.max(partitions, 2 * this.#partitions.size)
  }

  entries(): IterableIterator<[string, CachedPartition<V>]> {
    return this.#partitions.entries()
  }

  #count(): number {
    let sum = 0
    for (const { front, tail } of this.#partitions.values()) sum += front.size + tail.size
    return sum
  }
}
