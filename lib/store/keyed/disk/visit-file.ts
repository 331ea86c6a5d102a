import type { CachedPartition } from './cached-partition.ts'
import type { Codec } from './disk-map-parts.ts'
import type { LmdbFile } from './lmdb-file.ts'

export type Show<V> = (sort: string, value: V) => boolean

export interface FileVisit<V> {
  readonly file: Pick<LmdbFile, 'range'>
  readonly codec: Codec<V>
  /** How many values one read takes from the file. */
  readonly chunk: number
  readonly partition: string
  /** The start of the partition's keys in the file. */
  readonly prefix: string
  /** The visit ends before this sort key. */
  readonly before: string
  readonly show: Show<V>
  /** The part of the partition that is in memory; undefined where there is none. */
  readonly cached: CachedPartition<V> | undefined
}

/** The first possible key behind this one. */
export const behind = (sort: string): string => `${sort}\0`

/**
 * Shows the values of the file and the tail, from a key on and before `visit.before`, without keeping them in memory.
 * Returns false where `show` ended the visit.
 */
export const visitFile = <V>(visit: FileVisit<V>, from: string): boolean => {
  const { file, codec, chunk, partition, prefix, before, show, cached } = visit
  for (let next = from; ; ) {
    const rows = file.range({ from: prefix + next, before: prefix + before, limit: chunk })
    for (const { key, value } of rows) {
      const sort = key.slice(prefix.length)
      // The tail's value of this key, if it has one, is newer than the file's, and is shown here.
      const shownTo = showTail(visit, next, behind(sort))
      if (shownTo === undefined) return false
      const isKnown = shownTo === behind(sort) || cached?.deleted.has(sort)
      if (!isKnown && !show(sort, codec.decode(value, partition, sort))) return false
      next = behind(sort)
    }
    if (rows.length < chunk) return showTail(visit, next, before) !== undefined
  }
}

/** Shows the tail's values from a key on and before `end`. Returns the key behind the last one; undefined where `show` ended the visit. */
const showTail = <V>({ cached, show }: FileVisit<V>, from: string, end: string): string | undefined => {
  for (let next = from; ; ) {
    const sort = cached?.tail.firstFrom(next)
    if (sort === undefined || sort >= end) return next
    const slot = cached?.tail.get(sort)
    if (slot && !show(sort, slot.value)) return undefined
    next = behind(sort)
  }
}
