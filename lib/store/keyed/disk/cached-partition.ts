import { SortedMap } from '../sorted-map.ts'

/** A value in memory. */
export interface Slot<V> {
  readonly value: V
  /** Number of pieces that the value's body has in the file, now or once the body is written there. */
  readonly pieces: number
  /** Number of the log that has this value; 0 once the file has it. */
  readonly log: number
  /** Number of the log that the key first appeared in; 0 when the file may have the key. */
  readonly born: number
}

/**
 * The part of one partition that is in memory. The file lacks the newest changes, because logs are emptied into it late: a
 * value in memory counts, and the file's value only where memory has none.
 *
 *     file     |  a  b  c  d  e  f  g …            sorted by key
 *     memory   |  a  b     d' |    f'   h' |       d', f', h' are changed, c is deleted
 *                 ▲ front     ▲    tail
 *                 start       reach
 *
 * - `front` has every value from `start` up to `reach`, changed or not: a key in that range that `front` lacks does not
 *   exist. So polls read the front of a queue without the file.
 * - Outside of that range, `tail` has the changes that the file lacks, and `deleted` the deleted keys that the file still has.
 */
export interface CachedPartition<V> {
  front: SortedMap<Slot<V>>
  tail: SortedMap<Slot<V>>
  start: string
  /** `NOTHING` when the front covers nothing. */
  reach: string
  /** The last key, in the file and in memory; undefined while it is not known. */
  last: string | undefined
  /** Deleted keys that the file may still have, each with the number of the log that has the deletion. */
  readonly deleted: Map<string, number>
  /** When the partition was last used, counted in uses of the cache. */
  usedAt: number
  /** Visits in a row that began outside of the front. */
  misses: number
}

/** After every sort key. */
export const ALL = '\uffff'
/** Before every sort key. */
export const NOTHING = ''

/** @param isEmpty whether the file has no keys of the partition */
export const cachedPartition = <V>(isEmpty: boolean): CachedPartition<V> => ({
  front: new SortedMap(),
  tail: new SortedMap(),
  start: '',
  reach: isEmpty ? ALL : NOTHING,
  last: isEmpty ? '' : undefined,
  deleted: new Map(),
  usedAt: 0,
  misses: 0,
})

/** Whether the front covers a key: if it is missing there, it does not exist. */
export const isCovered = <V>({ start, reach }: CachedPartition<V>, sort: string): boolean =>
  sort <= reach && sort >= start

/** The map that a key belongs to: the front or the tail. */
export const partOf = <V>(cached: CachedPartition<V>, sort: string): SortedMap<Slot<V>> =>
  isCovered(cached, sort) ? cached.front : cached.tail

/** Moves the tail's values from the front's start up to `before`, exclusive, to the end of the front. */
export const moveToFront = <V>({ front, tail, start }: CachedPartition<V>, before: string): void => {
  for (let sort = tail.firstFrom(start); sort !== undefined && sort < before; sort = tail.firstFrom(start)) {
    front.set(sort, tail.get(sort) as Slot<V>)
    tail.delete(sort)
  }
}

/** Drops values that the file has too, all but the first `keep` of the front. */
export const shorten = <V>(cached: CachedPartition<V>, keep: number): void => {
  if (keep > 0 && cached.front.size <= keep) return
  const front = new SortedMap<Slot<V>>()
  const tail = new SortedMap<Slot<V>>()
  let reach = NOTHING
  cached.front.visit('', ALL, (sort, slot) => {
    if (front.size < keep) {
      front.set(sort, slot)
      reach = sort
    } else if (slot.log > 0) tail.set(sort, slot)
    return true
  })
  cached.tail.visit('', ALL, (sort, slot) => {
    tail.set(sort, slot)
    return true
  })
  Object.assign(cached, { front, tail, reach, last: undefined })
}

/** Empties the front and moves its start to another key. */
export const restart = <V>(cached: CachedPartition<V>, start: string): void => {
  shorten(cached, 0)
  Object.assign(cached, { start, misses: 0 })
}

/** Whether memory has nothing that the file lacks. */
export const isClean = <V>({ front, tail, deleted }: CachedPartition<V>): boolean => {
  let clean = tail.size === 0 && deleted.size === 0
  front.visit('', ALL, (_, { log }) => {
    if (log > 0) clean = false
    return clean
  })
  return clean
}
