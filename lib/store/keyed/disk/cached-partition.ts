import { type SortedMap, sortedMap } from '../sorted-map.ts'

/** A value in memory. */
export interface Slot<V> {
  readonly value: V
  /** Pieces that its body is in, in the file or as soon as it is there. */
  readonly pieces: number
  /** The log that tells of it as it is here; 0 once the file has it like this. */
  readonly log: number
  /** The log that it came into being in; 0 when it may be in the file. */
  readonly born: number
}

/**
 * What is in memory of one partition of the file. The logs are emptied into the file late, so it is behind: what it says
 * of a key counts only where memory says nothing.
 *
 *     file     |  a  b  c  d  e  f  g …            sorted by key
 *     memory   |  a  b     d' |    f'   h' |       d', f', h' are changed, c is deleted
 *                 ▲ front     ▲    tail
 *                 start       reach
 *
 * - Everything from `start` up to `reach` is in `front`, changed or not: what is not there does not exist. So the part of
 *   a queue that polls look at is read as in memory alone.
 * - Outside of it `tail` has what changed and the file doesn't have yet, and `deleted` what it still has.
 */
export interface CachedPartition<V> {
  front: SortedMap<Slot<V>>
  tail: SortedMap<Slot<V>>
  start: string
  /** Before `start` when the front covers nothing. */
  reach: string
  /** No key in the file, or in memory, is behind this one; nothing while that is not known. */
  last: string | undefined
  /** Keys that were deleted and that the file may still have, and the log that tells so. */
  readonly deleted: Map<string, number>
  /** When it was last used, counted in uses. */
  usedAt: number
  /** Visits in a row that began outside of the front. */
  misses: number
}

/** Behind every sort key. */
export const ALL = '\uffff'
/** Before every sort key. */
export const NOTHING = ''

/** @param isEmpty whether the file has nothing of it */
export const cachedPartition = <V>(isEmpty: boolean): CachedPartition<V> => ({
  front: sortedMap(),
  tail: sortedMap(),
  start: '',
  reach: isEmpty ? ALL : NOTHING,
  last: isEmpty ? '' : undefined,
  deleted: new Map(),
  usedAt: 0,
  misses: 0,
})

/** Whether what the front lacks does not exist. */
export const isCovered = <V>({ start, reach }: CachedPartition<V>, sort: string): boolean =>
  sort <= reach && sort >= start

/** The part that a key belongs to. */
export const partOf = <V>(cached: CachedPartition<V>, sort: string): SortedMap<Slot<V>> =>
  isCovered(cached, sort) ? cached.front : cached.tail

/** Moves what the tail has from the front's start on, and before a key, to the end of the front. */
export const moveToFront = <V>({ front, tail, start }: CachedPartition<V>, before: string): void => {
  for (let sort = tail.firstFrom(start); sort !== undefined && sort < before; sort = tail.firstFrom(start)) {
    front.set(sort, tail.get(sort) as Slot<V>)
    tail.delete(sort)
  }
}

/** Forgets what the file has as well: in the front all but the first `keep` values. */
export const shorten = <V>(cached: CachedPartition<V>, keep: number): void => {
  if (keep > 0 && cached.front.size <= keep) return
  const front = sortedMap<Slot<V>>()
  const tail = sortedMap<Slot<V>>()
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

/** Lets the front begin anew at a key. */
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
