import type { HoldfastError } from '../../model/errors.ts'

/**
 * Values under keys of two parts. Those of one partition are in the order of their sort keys, as JavaScript compares
 * strings; partitions are in no order.
 */
export interface OrderedMap<V> {
  get(partition: string, sort: string): V | undefined
  /** Whether a key surely lies behind all others of its partition: known without a lookup, which may be slow. */
  isBehind(partition: string, sort: string): boolean
  set(partition: string, sort: string, value: V): void
  delete(partition: string, sort: string): void
  /**
   * Shows the values with `from <= sort <= to`, in order, until `show` answers false. It may delete what it is shown,
   * and nothing else.
   */
  visit(partition: string, from: string, to: string, show: (sort: string, value: V) => boolean): void
  /** Like `visit`, for a pass through all of a partition: the values are not cached for the next visit. */
  scan(partition: string, from: string, show: (sort: string, value: V) => boolean): void
  /** Every partition that holds something, at least once each. The map may change between two steps. */
  partitions(): IterableIterator<string>
}

/** The maps that the adapter keeps everything in. Nothing outside `atomically` and `read` touches them. */
export interface KeyedMaps<Maps> {
  /**
   * Does synchronous work as one step: either all its writes are stored, or none. Resolves when its writes are stored, and all writes
   * of others that it read.
   *
   * If the writes can't be stored, nothing has changed, and the result is that of `failed`.
   *
   * @throws `StoreUnavailable` when the writes can't be stored and there is no `failed`
   */
  atomically<T>(work: (maps: Maps) => T, failed?: (error: HoldfastError) => T): Promise<T>
  /** Does work that writes nothing, and may read writes that are not stored yet. */
  read<T>(work: (maps: Maps) => T): Promise<T>
}
