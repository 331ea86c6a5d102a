import type { OrderedMap } from '../ordered-map.ts'
import { ALL, type CachedPartition, isCovered, moveToFront, NOTHING, partOf, restart } from './cached-partition.ts'
import { DiskChanges } from './disk-changes.ts'
import type { DiskMapParts } from './disk-map-parts.ts'
import { MAX_KEY_BYTES, SEPARATOR } from './lmdb-file.ts'
import { CACHE_LIMITS, PartitionCache } from './partition-cache.ts'
import { behind, type Show, visitFile } from './visit-file.ts'

/** After this many visits in a row that begin outside of the front, the front moves to where they begin. */
const MAX_MISSES = 8

interface Visit<V> {
  readonly from: string
  readonly to: string
  readonly show: Show<V>
  /** Extends the front over the values from `next` on, if the cache has room and `next` is visited often. Returns whether it did. */
  readonly cover: (next: string) => boolean
}

/** An ordered map in a file. New values, and those that are visited often, are in memory too. */
export class DiskMap<V> implements OrderedMap<V> {
  readonly #parts: DiskMapParts<V>
  /** How many values one read takes from the file. */
  readonly #chunk: number
  readonly #cache: PartitionCache<V>
  readonly #changes: DiskChanges<V>

  constructor(parts: DiskMapParts<V>) {
    const { file, limits = CACHE_LIMITS } = parts
    const prefixOf = (partition: string): string => this.#prefixOf(partition)
    const isStored = (partition: string): boolean =>
      file.firstKey(prefixOf(partition))?.startsWith(prefixOf(partition)) ?? false
    this.#parts = parts
    this.#chunk = limits.chunk
    this.#cache = new PartitionCache(isStored, limits)
    const read = (partition: string, sort: string) => this.#read(partition, sort)
    this.#changes = new DiskChanges(parts, { cache: this.#cache, read, prefixOf })
  }

  get(partition: string, sort: string): V | undefined {
    const cached = this.#cache.find(partition)
    if (cached) {
      const slot = partOf(cached, sort).get(sort)
      if (slot) return slot.value
      if (isCovered(cached, sort) || cached.deleted.has(sort)) return undefined
      if (cached.last !== undefined && sort > cached.last) return undefined
    }
    const stored = this.#read(partition, sort)
    return stored && this.#parts.codec.decode(stored, partition, sort)
  }

  isBehind(partition: string, sort: string): boolean {
    return this.#changes.isBehind(partition, sort)
  }

  set(partition: string, sort: string, value: V): void {
    this.#changes.set(partition, sort, value)
  }

  delete(partition: string, sort: string): void {
    this.#changes.delete(partition, sort)
  }

  visit(partition: string, from: string, to: string, show: Show<V>): void {
    const cached = this.#cache.of(partition)
    if (isCovered(cached, from)) cached.misses = 0
    const cover = (next: string): boolean => {
      const follows = next === behind(cached.reach)
      if (!follows) {
        if (!this.#cache.hasRoom || (cached.reach !== NOTHING && cached.misses++ < MAX_MISSES)) return false
        restart(cached, next)
      }
      return this.#extend(partition, cached)
    }
    this.#visit(partition, cached, { from, to, show, cover })
  }

  scan(partition: string, from: string, show: Show<V>): void {
    const cached = this.#cache.find(partition)
    if (cached) this.#visit(partition, cached, { from, to: ALL, show, cover: () => false })
    else this.#visitFile(partition, cached, { from, before: ALL, show })
  }

  *partitions(): IterableIterator<string> {
    const { space, file } = this.#parts
    const shown = new Set<string>()
    for (const [partition, { front, tail }] of this.#cache.entries()) {
      if (front.size + tail.size === 0) continue
      shown.add(partition)
      yield partition
    }
    for (let key = file.firstKey(space); key?.startsWith(space); ) {
      const partition = key.slice(space.length, key.indexOf(SEPARATOR))
      if (!shown.has(partition)) yield partition
      key = file.firstKey(this.#prefixOf(partition) + ALL)
    }
  }

  /** Notes that the file has the changes of a key up to a log. */
  settle(partition: string, sort: string, log: number): void {
    const cached = this.#cache.find(partition)
    if (!cached) return
    this.#settle(cached, partition, sort, log)
    // Partitions of groups and queues that are gone would pile up otherwise.
    this.#cache.forgetEmpty(partition)
  }

  /** Drops values that the file has too, if there are too many in memory. */
  trim(): void {
    this.#cache.trim()
  }

  #prefixOf(partition: string): string {
    return this.#parts.space + partition + SEPARATOR
  }

  /** Reads the stored form of a value from the file. */
  #read(partition: string, sort: string): Buffer | undefined {
    const key = this.#prefixOf(partition) + sort
    return Buffer.byteLength(key) > MAX_KEY_BYTES ? undefined : this.#parts.file.get(key)
  }

  /** Visits the values of a range: those that the front covers in memory, the others in the file. */
  #visit(partition: string, cached: CachedPartition<V>, { from, to, show, cover }: Visit<V>): void {
    for (let next = from; next <= to; ) {
      if (isCovered(cached, next)) {
        if (!visitFront(cached, next, to, show)) return
        next = behind(cached.reach)
      }
      if (cover(next)) continue
      const isBefore = cached.reach !== NOTHING && next < cached.start
      const before = isBefore && cached.start <= to ? cached.start : behind(to)
      if (!this.#visitFile(partition, cached, { from: next, before, show })) return
      next = before
    }
  }

  #visitFile(
    partition: string,
    cached: CachedPartition<V> | undefined,
    { from, before, show }: { from: string; before: string; show: Show<V> },
  ): boolean {
    const { file, codec } = this.#parts
    const prefix = this.#prefixOf(partition)
    return visitFile({ file, codec, chunk: this.#chunk, partition, prefix, before, show, cached }, from)
  }

  /** Reads the next values into the front. Returns false where the front has everything, or the cache has no room. */
  #extend(partition: string, cached: CachedPartition<V>): boolean {
    if (cached.reach === ALL || !this.#cache.hasRoom) return false
    const { file, codec } = this.#parts
    const prefix = this.#prefixOf(partition)
    const start = cached.reach === NOTHING ? cached.start : behind(cached.reach)
    const rows = file.range({ from: prefix + start, before: prefix + ALL, limit: this.#chunk })
    for (const { key, value } of rows) {
      const sort = key.slice(prefix.length)
      moveToFront(cached, sort)
      if (cached.tail.get(sort) || cached.deleted.has(sort)) continue
      const pieces = codec.piecesIn?.(value) ?? 0
      cached.front.set(sort, { value: codec.decode(value, partition, sort), pieces, log: 0, born: 0 })
      this.#cache.grew(1)
    }
    const last = rows.length < this.#chunk ? undefined : rows.at(-1)
    cached.reach = last ? last.key.slice(prefix.length) : ALL
    moveToFront(cached, behind(cached.reach))
    return true
  }

  #settle(cached: CachedPartition<V>, partition: string, sort: string, log: number): void {
    if (cached.deleted.get(sort) === log) cached.deleted.delete(sort)
    const part = partOf(cached, sort)
    const slot = part.get(sort)
    if (slot?.log !== log) return
    if (part === cached.tail) {
      part.delete(sort)
      this.#cache.grew(-1)
      return
    }
    const value = this.#parts.codec.settled?.(slot.value, slot.pieces, partition, sort) ?? slot.value
    part.set(sort, { value, pieces: slot.pieces, log: 0, born: 0 })
  }
}

/** Shows the front's values from a key on. Returns whether the visit continues behind the front. */
const visitFront = <V>({ front, reach }: CachedPartition<V>, from: string, to: string, show: Show<V>): boolean => {
  let goOn = true
  front.visit(from, to < reach ? to : reach, (sort, slot) => {
    goOn = show(sort, slot.value)
    return goOn
  })
  return goOn && to > reach
}
