import type { OrderedMap } from './ordered-map.ts'
import { SortedMap } from './sorted-map.ts'

/** How many empty partitions are kept for the next write to them. */
const MAX_EMPTY = 1_000

/** An ordered map in memory. Each step is atomic because no method yields to other work. */
export class MemoryMap<V> implements OrderedMap<V> {
  readonly #partitions = new Map<string, SortedMap<V>>()
  /** Partitions that held nothing when they were last written to. */
  readonly #empty = new Set<string>()
  // The partition of the last lookup: the next lookup is often of the same one.
  #lastPartition: string | undefined
  #last: SortedMap<V> | undefined

  get(partition: string, sort: string): V | undefined {
    return this.#find(partition)?.get(sort)
  }

  isBehind(partition: string, sort: string): boolean {
    return this.#find(partition)?.isBehind(sort) ?? true
  }

  set(partition: string, sort: string, value: V): void {
    const map = this.#find(partition) ?? this.#add(partition)
    map.set(sort, value)
  }

  delete(partition: string, sort: string): void {
    const map = this.#find(partition)
    if (!map) return
    map.delete(sort)
    if (map.size === 0 && this.#empty.add(partition).size > MAX_EMPTY) this.#dropEmpty()
  }

  visit(partition: string, from: string, to: string, show: (sort: string, value: V) => boolean): void {
    this.#find(partition)?.visit(from, to, show)
  }

  scan(partition: string, from: string, show: (sort: string, value: V) => boolean): void {
    this.#find(partition)?.visit(from, '\uffff', show)
  }

  *partitions(): IterableIterator<string> {
    this.#dropEmpty()
    yield* this.#partitions.keys()
  }

  #find(partition: string): SortedMap<V> | undefined {
    if (partition === this.#lastPartition) return this.#last
    this.#lastPartition = partition
    this.#last = this.#partitions.get(partition)
    return this.#last
  }

  #add(partition: string): SortedMap<V> {
    const map = new SortedMap<V>()
    this.#partitions.set(partition, map)
    this.#lastPartition = partition
    this.#last = map
    return map
  }

  #dropEmpty(): void {
    for (const partition of this.#empty) {
      if (this.#partitions.get(partition)?.size === 0) this.#partitions.delete(partition)
    }
    this.#empty.clear()
    this.#lastPartition = undefined
  }
}
