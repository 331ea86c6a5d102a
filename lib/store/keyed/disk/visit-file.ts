import type { CachedPartition } from './cached-partition.ts'
import type { Codec } from './disk-map-parts.ts'
import type { LmdbFile } from './lmdb-file.ts'

export type Show<V> = (sort: string, value: V) => boolean

export interface FileVisit<V> {
  readonly file: Pick<LmdbFile, 'range'>
  readonly codec: Codec<V>
  /** Values that one read takes from the file. */
  readonly chunk: number
  readonly partition: string
  /** Of the partition's keys in the file. */
  readonly prefix: string
  /** Exclusive. */
  readonly before: string
  readonly show: Show<V>
  /** What is in memory of the partition. */
  readonly cached: CachedPartition<V> | undefined
}

/** The next possible key. */
export const behind = (sort: string): string => `${sort}\0`

/**
 * Shows the values from one key up to another, exclusive, in the file and in the tail, without keeping them in memory.
 * Returns whether to go on.
 */
export const visitFile = <V>(visit: FileVisit<V>, from: string): boolean => {
  const { file, codec, chunk, partition, prefix, before, show, cached } = visit
  for (let next = from; ; ) {
    const rows = file.range({ from: prefix + next, before: prefix + before, limit: chunk })
    for (const { key, value } of rows) {
      const sort = key.slice(prefix.length)
      // The tail's value of this key counts, and is shown here.
      const shownTo = showTail(visit, next, behind(sort))
      if (shownTo === undefined) return false
      const isKnown = shownTo === behind(sort) || cached?.deleted.has(sort)
      if (!isKnown && !show(sort, codec.decode(value, partition, sort))) return false
      next = behind(sort)
    }
    if (rows.length < chunk) return showTail(visit, next, before) !== undefined
  }
}

/** Shows the tail's values from one key up to another, exclusive. Returns how far it came; nothing where `show` ended it. */
const showTail = <V>({ cached, show }: FileVisit<V>, from: string, end: string): string | undefined => {
  for (let next = from; ; ) {
    const sort = cached?.tail.firstFrom(next)
    if (sort === undefined || sort >= end) return next
    const slot = cached?.tail.get(sort)
    if (slot && !show(sort, slot.value)) return undefined
    next = behind(sort)
  }
}
