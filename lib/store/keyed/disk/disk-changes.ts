import { ALL, type CachedPartition, isCovered, partOf, type Slot, shorten } from './cached-partition.ts'
import { type Codec, type DiskMapParts, PIECE_BYTES } from './disk-map-parts.ts'
import type { PartitionCache } from './partition-cache.ts'

/** What a change needs to know of the map's present values. */
interface Reading<V> {
  readonly cache: PartitionCache<V>
  /** Reads the stored form of a value from the file. */
  read(partition: string, sort: string): Buffer | undefined
  prefixOf(partition: string): string
}

/** The operations that change a map on disk. A change is made in memory at once, and noted in the journal. */
export class DiskChanges<V> {
  readonly #parts: DiskMapParts<V>
  readonly #reading: Reading<V>

  constructor(parts: DiskMapParts<V>, reading: Reading<V>) {
    this.#parts = parts
    this.#reading = reading
  }

  isBehind(partition: string, sort: string): boolean {
    return this.#isBehind(partition, this.#reading.cache.of(partition), sort)
  }

  set(partition: string, sort: string, value: V): void {
    const { space, codec, journal } = this.#parts
    const { cache } = this.#reading
    const cached = cache.of(partition)
    const before = partOf(cached, sort).get(sort)
    const isNew = this.#isNew(partition, cached, sort)
    const body = codec.bodyOf?.(value, before?.value)
    const pieces = body ? Math.ceil(body.length / PIECE_BYTES) : piecesOf(codec, value, before)
    // The body that this one replaces may have more pieces, which must be deleted.
    if (body && !isNew) this.#delete(partition, cached, sort)
    journal.note(
      { kind: isNew ? 'insert' : 'put', space, partition, sort, pieces },
      undoing(cache, partition, sort, partOf(cached, sort).get(sort)),
      (out) => codec.encode(out, value, pieces),
      body,
    )
    cached.deleted.delete(sort)
    const born = before?.born ?? (isNew ? journal.log : 0)
    partOf(cached, sort).set(sort, { value, pieces, log: journal.log, born })
    if (cached.last !== undefined && sort > cached.last) cached.last = sort
    if (!before) cache.grew(1)
  }

  delete(partition: string, sort: string): void {
    this.#delete(partition, this.#reading.cache.of(partition), sort)
  }

  #isBehind(partition: string, cached: CachedPartition<V>, sort: string): boolean {
    cached.last ??= this.#lastOf(partition, cached)
    return sort > cached.last
  }

  /** The last key, in the file and in memory. */
  #lastOf(partition: string, { front, tail }: CachedPartition<V>): string {
    const prefix = this.#reading.prefixOf(partition)
    const stored = this.#parts.file.lastKey(prefix, prefix + ALL)?.slice(prefix.length) ?? ''
    return [stored, front.bound() ?? '', tail.bound() ?? ''].toSorted().at(-1) ?? ''
  }

  /** Whether a key is known to be neither in the file nor in memory. */
  #isNew(partition: string, cached: CachedPartition<V>, sort: string): boolean {
    if (partOf(cached, sort).get(sort) || cached.deleted.has(sort)) return false
    return isCovered(cached, sort) || this.#isBehind(partition, cached, sort)
  }

  #delete(partition: string, cached: CachedPartition<V>, sort: string): void {
    const { space, journal, codec } = this.#parts
    const { cache, read } = this.#reading
    const before = partOf(cached, sort).get(sort)
    let pieces = before?.pieces ?? 0
    if (!before) {
      if (isCovered(cached, sort) || cached.deleted.has(sort)) return
      const stored = read(partition, sort)
      if (!stored) return
      pieces = codec.piecesIn?.(stored) ?? 0
    }
    journal.note({ kind: 'delete', space, partition, sort, pieces }, undoing(cache, partition, sort, before))
    partOf(cached, sort).delete(sort)
    // A key that was added and deleted within one log never gets into the file.
    if (before?.born !== journal.log) cached.deleted.set(sort, journal.log)
    if (before) cache.grew(-1)
  }
}

const piecesOf = <V>(codec: Codec<V>, value: V, before: Slot<V> | undefined): number =>
  before?.pieces ?? codec.piecesOf?.(value) ?? 0

/**
 * Returns a function that undoes a change in memory. The cache may have read more of the partition since the change, or have
 * dropped the partition: the function therefore restores the one key, and drops all that the file has too.
 */
const undoing = <V>(cache: PartitionCache<V>, partition: string, sort: string, before: Slot<V> | undefined) => {
  const deletedIn = cache.of(partition).deleted.get(sort)
  return () => {
    const cached = cache.of(partition)
    const part = partOf(cached, sort)
    if (before) part.set(sort, before)
    else part.delete(sort)
    if (deletedIn === undefined) cached.deleted.delete(sort)
    else cached.deleted.set(sort, deletedIn)
    shorten(cached, 0)
  }
}
