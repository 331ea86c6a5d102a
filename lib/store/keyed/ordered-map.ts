import type { HoldfastError } from '../../model/errors.ts'

/**
 * Values under keys of two parts, a partition and a sort key. The values of one partition are in the order of their sort
 * keys, as JavaScript compares strings. Partitions are in no order.
 */
export interface OrderedMap<V> {
  get(partition: string, sort: string): V | undefined
  /** Whether a key is known, without a slow lookup, to lie behind all others of its partition. */
  isBehind(partition: string, sort: string): boolean
  set(partition: string, sort: string, value: V): void
  delete(partition: string, sort: string): void
  /**
   * Calls `show` with the values of `from <= sort <= to`, in order, until `show` returns false. `show` may delete the value
   * that it gets, and may change nothing else.
   */
  visit(partition: string, from: string, to: string, show: (sort: string, value: V) => boolean): void
  /** Like `visit`, for a pass through all of a partition: the values are not cached for the next visit. */
  scan(partition: string, from: string, show: (sort: string, value: V) => boolean): void
  /** Yields every partition that has a value, at least once. The map may change between two partitions. */
  partitions(): IterableIterator<string>
}

/** The maps that a keyed store keeps everything in. They are used only inside `atomically` and `read`. */
export interface KeyedMaps<Maps> {
  /**
   * Does synchronous work as one step: all of its writes are stored, or none. Resolves when its writes are stored, and also
   * the writes of other steps that it read.
   *
   * Where the writes can't be stored, nothing has changed, and the result is that of `failed`.
   *
   * @throws `StoreUnavailable` when the writes can't be stored and there is no `failed`
   */
  atomically<T>(work: (maps: Maps) => T, failed?: (error: HoldfastError) => T): Promise<T>
  /** Does work that writes nothing. It may see writes that are not stored yet. */
  read<T>(work: (maps: Maps) => T): Promise<T>
}
