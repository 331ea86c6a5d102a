import type { OrderedMap } from '../ordered-map.ts'
import { ALL, type CachedPartition, isCovered, moveToFront, NOTHING, partOf, restart } from './cached-partition.ts'
import { diskChanges } from './disk-changes.ts'
import type { DiskMapParts } from './disk-map-parts.ts'
import { MAX_KEY_BYTES, SEPARATOR } from './lmdb-file.ts'
import { CACHE_LIMITS, partitionCache } from './partition-cache.ts'

export interface DiskMap<V> extends OrderedMap<V> {
  /** Notes that a log with a change of this key was emptied into the file. */
  settle(partition: string, sort: string, log: number): void
  /** Drops values that the file has too, if there are too many in memory. */
  trim(): void
}

type Show<V> = (sort: string, value: V) => boolean

/** Visits in a row that begin outside of the front, before the front moves to where they begin. */
const MAX_MISSES = 8
/** The next possible key. */
const behind = (sort: string): string => `${sort}\0`

/** An ordered map in a file; new values, and those that are visited often, are in memory. */
export const diskMap = <V>(parts: DiskMapParts<V>): DiskMap<V> => {
  const { space, file, codec, limits = CACHE_LIMITS } = parts
  const prefixOf = (partition: string): string => space + partition + SEPARATOR
  const isStored = (partition: string): boolean =>
    file.firstKey(prefixOf(partition))?.startsWith(prefixOf(partition)) ?? false
  const cache = partitionCache<V>(isStored, limits)

  const read = (partition: string, sort: string): Buffer | undefined => {
    const key = prefixOf(partition) + sort
    return Buffer.byteLength(key) > MAX_KEY_BYTES ? undefined : file.get(key)
  }

  /**
   * Shows the values from one key up to another, exclusive, in the file and in the tail, without keeping them in memory.
   * Returns whether to go on.
   */
  const visitFile = (
    partition: string,
    { from, before, show }: { from: string; before: string; show: Show<V> },
    cached?: CachedPartition<V>,
  ): boolean => {
    const prefix = prefixOf(partition)
    let next = from
    const showTail = (end: string): boolean => {
      for (;;) {
        const sort = cached?.tail.firstFrom(next)
        if (sort === undefined || sort >= end) return true
        const slot = cached?.tail.get(sort)
        if (slot && !show(sort, slot.value)) return false
        next = behind(sort)
      }
    }
    for (;;) {
      const rows = file.range({ from: prefix + next, before: prefix + before, limit: limits.chunk })
      for (const { key, value } of rows) {
        const sort = key.slice(prefix.length)
        // The tail's value of this key counts, and is shown here.
        if (!showTail(behind(sort))) return false
        const isKnown = next === behind(sort) || cached?.deleted.has(sort)
        if (!isKnown && !show(sort, codec.decode(value, partition, sort))) return false
        next = behind(sort)
      }
      if (rows.length < limits.chunk) return showTail(before)
    }
  }

  /** Reads more into the front. Returns whether it did. */
  const extend = (partition: string, cached: CachedPartition<V>): boolean => {
    if (cached.reach === ALL || !cache.hasRoom) return false
    const prefix = prefixOf(partition)
    const start = cached.reach === NOTHING ? cached.start : behind(cached.reach)
    const rows = file.range({ from: prefix + start, before: prefix + ALL, limit: limits.chunk })
    for (const { key, value } of rows) {
      const sort = key.slice(prefix.length)
      moveToFront(cached, sort)
      if (cached.tail.get(sort) || cached.deleted.has(sort)) continue
      const pieces = codec.piecesIn?.(value) ?? 0
      cached.front.set(sort, { value: codec.decode(value, partition, sort), pieces, log: 0, born: 0 })
      cache.grew(1)
    }
    const last = rows.length < limits.chunk ? undefined : rows.at(-1)
    cached.reach = last ? last.key.slice(prefix.length) : ALL
    moveToFront(cached, behind(cached.reach))
    return true
  }

  /** Shows the front's values from a key on. Returns whether to go on after them. */
  const visitFront = ({ front, reach }: CachedPartition<V>, from: string, to: string, show: Show<V>): boolean => {
    let goOn = true
    front.visit(from, to < reach ? to : reach, (sort, slot) => {
      goOn = show(sort, slot.value)
      return goOn
    })
    return goOn && to > reach
  }

  /** Visits a partition from key to key; `cover` extends the front by what comes next, if that is worth it. */
  const go = (
    partition: string,
    cached: CachedPartition<V>,
    { from, to, show }: { from: string; to: string; show: Show<V> },
    cover: (next: string) => boolean,
  ): void => {
    for (let next = from; next <= to; ) {
      if (isCovered(cached, next)) {
        if (!visitFront(cached, next, to, show)) return
        next = behind(cached.reach)
      }
      if (cover(next)) continue
      const isBefore = cached.reach !== NOTHING && next < cached.start
      const before = isBefore && cached.start <= to ? cached.start : behind(to)
      if (!visitFile(partition, { from: next, before, show }, cached)) return
      next = before
    }
  }

  const settleIn = (cached: CachedPartition<V>, partition: string, sort: string, log: number): void => {
    if (cached.deleted.get(sort) === log) cached.deleted.delete(sort)
    const part = partOf(cached, sort)
    const slot = part.get(sort)
    if (slot?.log !== log) return
    if (part === cached.tail) {
      part.delete(sort)
      cache.grew(-1)
      return
    }
    const value = codec.settled?.(slot.value, slot.pieces, partition, sort) ?? slot.value
    part.set(sort, { value, pieces: slot.pieces, log: 0, born: 0 })
  }

  return {
    ...diskChanges(parts, { cache, read, prefixOf }),
    get: (partition, sort) => {
      const cached = cache.find(partition)
      if (cached) {
        const slot = partOf(cached, sort).get(sort)
        if (slot) return slot.value
        if (isCovered(cached, sort) || cached.deleted.has(sort)) return undefined
        if (cached.last !== undefined && sort > cached.last) return undefined
      }
      const stored = read(partition, sort)
      return stored && codec.decode(stored, partition, sort)
    },
    visit: (partition, from, to, show) => {
      const cached = cache.of(partition)
      if (isCovered(cached, from)) cached.misses = 0
      go(partition, cached, { from, to, show }, (next) => {
        const follows = next === behind(cached.reach)
        if (!follows) {
          if (!cache.hasRoom || (cached.reach !== NOTHING && cached.misses++ < MAX_MISSES)) return false
          restart(cached, next)
        }
        return extend(partition, cached)
      })
    },
    scan: (partition, from, show) => {
      const cached = cache.find(partition)
      if (cached) go(partition, cached, { from, to: ALL, show }, () => false)
      else visitFile(partition, { from, before: ALL, show })
    },
    partitions: function* () {
      const shown = new Set<string>()
      for (const [partition, { front, tail }] of cache.entries()) {
        if (front.size + tail.size === 0) continue
        shown.add(partition)
        yield partition
      }
      for (let key = file.firstKey(space); key?.startsWith(space); ) {
        const partition = key.slice(space.length, key.indexOf(SEPARATOR))
        if (!shown.has(partition)) yield partition
        key = file.firstKey(prefixOf(partition) + ALL)
      }
    },
    settle: (partition, sort, log) => {
      const cached = cache.find(partition)
      if (!cached) return
      settleIn(cached, partition, sort, log)
      // Groups, and queues, come and go.
      cache.forgetEmpty(partition)
    },
    trim: cache.trim,
  }
}
