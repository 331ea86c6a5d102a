import type { OrderedMap } from '../ordered-map.ts'
import type { ByteWriter } from './byte-writer.ts'
import {
  ALL,
  type CachedPartition,
  cachedPartition,
  isClean,
  isCovered,
  moveToFront,
  NOTHING,
  partOf,
  restart,
  type Slot,
  shorten,
} from './cached-partition.ts'
import type { Journal } from './journal.ts'
import { BEHIND_ALL, type LmdbFile, MAX_KEY_BYTES, SEPARATOR } from './lmdb-file.ts'
import type { Space } from './log-record.ts'

/** How values of a map are stored. */
export interface Codec<V> {
  encode(out: ByteWriter, value: V, pieces: number): void
  decode(bytes: Buffer, partition: string, sort: string): V
  /** The body to be stored beside a value, when it differs from that of the value before. */
  bodyOf?(value: V, before: V | undefined): Uint8Array | undefined
  /** Pieces that the body of a stored value is in. */
  piecesIn?(bytes: Buffer): number
  /** The same of a value whose body has not changed since it was stored; nothing when its body is not stored. */
  piecesOf?(value: V): number | undefined
  /** The value as it is kept in memory once the file has it. */
  settled?(value: V, pieces: number, partition: string, sort: string): V
}

export interface DiskMap<V> extends OrderedMap<V> {
  /** The file has caught up with a log that tells of this key. */
  settle(partition: string, sort: string, log: number): void
  /** Forgets what need not be in memory, where that is too much. */
  trim(): void
  /** Values in memory. */
  size(): number
}

export interface DiskMapParts<V> {
  readonly space: Space
  readonly file: LmdbFile
  readonly journal: Journal
  readonly codec: Codec<V>
}

export const PIECE_BYTES = 32_768
/** Values in memory that the file has, too, and half of it in one partition. */
const MAX_CACHED = 24_000
const MAX_PARTITIONS = 4_000
/** Values that are read from the file at once. */
const CHUNK = 256
/** Visits outside of the front until it is moved to where they begin. */
const MAX_MISSES = 8

/** An ordered map in a file, what is new and what is read often in memory. */
export const diskMap = <V>({ space, file, journal, codec }: DiskMapParts<V>): DiskMap<V> => {
  const partitions = new Map<string, CachedPartition<V>>()
  let uses = 0
  /** Values in memory, more or less: counted anew at each trim. */
  let cachedValues = 0
  /** How many partitions there may be until some are forgotten. */
  let maxPartitions = MAX_PARTITIONS

  const prefixOf = (partition: string): string => space + partition + SEPARATOR
  const read = (partition: string, sort: string): Buffer | undefined => {
    const key = prefixOf(partition) + sort
    return Buffer.byteLength(key) > MAX_KEY_BYTES ? undefined : file.get(key)
  }
  const isStored = (partition: string): boolean =>
    file.firstKey(prefixOf(partition))?.startsWith(prefixOf(partition)) ?? false

  const partitionOf = (partition: string): CachedPartition<V> => {
    let cached = partitions.get(partition)
    if (!cached) {
      if (partitions.size >= maxPartitions) trim()
      cached = cachedPartition(!isStored(partition))
      partitions.set(partition, cached)
    }
    cached.usedAt = ++uses
    return cached
  }

  /** Whether surely neither memory nor the file has the key. */
  const isBehind = (partition: string, cached: CachedPartition<V>, sort: string): boolean => {
    cached.last ??= lastOf(partition, cached)
    return sort > cached.last
  }
  const lastOf = (partition: string, { front, tail }: CachedPartition<V>): string => {
    const prefix = prefixOf(partition)
    const stored = file.lastKey(prefix, prefix + BEHIND_ALL)?.slice(prefix.length) ?? ''
    return [stored, front.bound() ?? '', tail.bound() ?? ''].toSorted().at(-1) ?? ''
  }

  const slotOf = (cached: CachedPartition<V>, sort: string): Slot<V> | undefined => partOf(cached, sort).get(sort)

  /** Puts back what was there before; what else was learned of the partition meanwhile is forgotten. */
  const undo = (cached: CachedPartition<V>, sort: string) => {
    const before = slotOf(cached, sort)
    const deletedIn = cached.deleted.get(sort)
    return () => {
      const part = partOf(cached, sort)
      if (before) part.set(sort, before)
      else part.delete(sort)
      if (deletedIn === undefined) cached.deleted.delete(sort)
      else cached.deleted.set(sort, deletedIn)
      shorten(cached, 0)
    }
  }

  const set = (partition: string, sort: string, value: V): void => {
    const cached = partitionOf(partition)
    const covered = isCovered(cached, sort)
    const before = slotOf(cached, sort)
    const wasDeleted = cached.deleted.has(sort)
    const isNew = !before && !wasDeleted && (covered || isBehind(partition, cached, sort))
    const body = codec.bodyOf?.(value, before?.value)
    const pieces = body ? Math.ceil(body.length / PIECE_BYTES) : (before?.pieces ?? codec.piecesOf?.(value) ?? 0)
    const undoing = undo(cached, sort)
    // What is stored under the key may be in more pieces.
    if (body && !isNew) remove(partition, cached, sort)
    journal.note(
      { kind: isNew ? 'insert' : 'put', space, partition, sort, pieces },
      undoing,
      (out) => codec.encode(out, value, pieces),
      body,
    )
    cached.deleted.delete(sort)
    partOf(cached, sort).set(sort, { value, pieces, log: journal.log, born: before?.born ?? (isNew ? journal.log : 0) })
    if (cached.last !== undefined && sort > cached.last) cached.last = sort
    if (!before) cachedValues++
  }

  const remove = (partition: string, cached: CachedPartition<V>, sort: string): void => {
    const before = slotOf(cached, sort)
    let pieces = before?.pieces ?? 0
    if (!before) {
      if (isCovered(cached, sort) || cached.deleted.has(sort)) return
      const stored = read(partition, sort)
      if (!stored) return
      pieces = codec.piecesIn?.(stored) ?? 0
    }
    journal.note({ kind: 'delete', space, partition, sort, pieces }, undo(cached, sort))
    partOf(cached, sort).delete(sort)
    // What came and went within one log never gets into the file.
    if (before?.born !== journal.log) cached.deleted.set(sort, journal.log)
    if (before) cachedValues--
  }

  /** Reads more into the front; answers whether it did. */
  const extend = (partition: string, cached: CachedPartition<V>): boolean => {
    if (cached.reach === ALL || isFull()) return false
    const prefix = prefixOf(partition)
    const covers = cached.reach !== NOTHING
    const rows = file.range({
      from: prefix + (covers ? cached.reach : cached.start),
      to: prefix + BEHIND_ALL,
      limit: CHUNK,
      behind: covers,
    })
    for (const { key, value } of rows) {
      const sort = key.slice(prefix.length)
      moveToFront(cached, sort)
      if (cached.tail.get(sort) || cached.deleted.has(sort)) continue
      const pieces = codec.piecesIn?.(value) ?? 0
      cached.front.set(sort, { value: codec.decode(value, partition, sort), pieces, log: 0, born: 0 })
      cachedValues++
    }
    const last = rows.at(-1)?.key.slice(prefix.length)
    const reach = rows.length < CHUNK || last === undefined ? ALL : last
    moveToFront(cached, `${reach}\0`)
    cached.reach = reach
    return true
  }

  type Show = (sort: string, value: V) => boolean

  /** Shows what is in the front; answers whether to go on behind it. */
  const visitFront = ({ front, reach }: CachedPartition<V>, from: string, to: string, show: Show): boolean => {
    let goOn = true
    front.visit(from, to < reach ? to : reach, (sort, slot) => {
      goOn = show(sort, slot.value)
      return goOn
    })
    return goOn && to > reach
  }

  /** Shows what is in the file and the tail, without keeping it in memory. */
  const visitBehind = (partition: string, cached: CachedPartition<V>, from: string, to: string, show: Show): void => {
    const prefix = prefixOf(partition)
    let next = from
    const visitTail = (until: string): boolean => {
      for (
        let sort = cached.tail.firstFrom(next);
        sort !== undefined && sort < until;
        sort = cached.tail.firstFrom(next)
      ) {
        if (sort > to || !show(sort, (cached.tail.get(sort) as Slot<V>).value)) return false
        next = `${sort}\0`
      }
      return true
    }
    for (;;) {
      const rows = file.range({ from: prefix + next, to: prefix + to, limit: CHUNK })
      for (const { key, value } of rows) {
        const sort = key.slice(prefix.length)
        if (!visitTail(sort)) return
        const slot = cached.tail.get(sort)
        const known = slot?.value ?? (cached.deleted.has(sort) ? undefined : codec.decode(value, partition, sort))
        if (known !== undefined && !show(sort, known)) return
        next = `${sort}\0`
      }
      if (rows.length < CHUNK) return void visitTail(BEHIND_ALL)
    }
  }

  /** What changed and is not in the file yet counts as well, so it must leave room for what is read. */
  const isFull = () => cachedValues >= 2 * MAX_CACHED
  const count = () => [...partitions.values()].reduce((sum, { front, tail }) => sum + front.size + tail.size, 0)

  /** Where there is too much, the partitions used last are kept, and half of the room is left free. */
  const trim = (): void => {
    cachedValues = count()
    if (cachedValues < MAX_CACHED && partitions.size < maxPartitions) return
    const latestFirst = [...partitions].sort(([, a], [, b]) => b.usedAt - a.usedAt)
    let room = MAX_CACHED / 2
    for (const [position, [partition, cached]] of latestFirst.entries()) {
      if (position >= MAX_PARTITIONS / 2 && isClean(cached)) partitions.delete(partition)
      else if (cached.front.size > room) shorten(cached, room)
      room = Math.max(0, room - cached.front.size)
    }
    cachedValues = count()
    maxPartitions = Math.max(MAX_PARTITIONS, 2 * partitions.size)
  }

  return {
    get: (partition, sort) => {
      const cached = partitions.get(partition)
      if (cached) {
        const slot = slotOf(cached, sort)
        if (slot) return slot.value
        if (isCovered(cached, sort) || cached.deleted.has(sort)) return undefined
        if (cached.last !== undefined && sort > cached.last) return undefined
      }
      const stored = read(partition, sort)
      return stored && codec.decode(stored, partition, sort)
    },
    isBehind: (partition, sort) => isBehind(partition, partitionOf(partition), sort),
    set,
    delete: (partition, sort) => remove(partition, partitionOf(partition), sort),
    visit: (partition, from, to, show) => {
      const cached = partitionOf(partition)
      for (let next = from; ; ) {
        if (isCovered(cached, next)) {
          cached.misses = 0
          if (!visitFront(cached, next, to, show)) return
          next = `${cached.reach}\0`
        } else {
          const isElsewhere = cached.reach !== NOTHING && cached.misses++ < MAX_MISSES
          if (isElsewhere || isFull()) return visitBehind(partition, cached, next, to, show)
          restart(cached, next)
        }
        if (!extend(partition, cached)) return visitBehind(partition, cached, next, to, show)
      }
    },
    partitions: function* () {
      for (const [partition, { front, tail }] of partitions) if (front.size + tail.size > 0) yield partition
      for (let key = file.firstKey(space); key?.startsWith(space); ) {
        const partition = key.slice(space.length, key.indexOf(SEPARATOR))
        if (!partitions.has(partition)) yield partition
        key = file.firstKey(`${prefixOf(partition)}${BEHIND_ALL}`)
      }
    },
    settle: (partition, sort, log) => {
      const cached = partitions.get(partition)
      if (!cached) return
      if (cached.deleted.get(sort) === log) cached.deleted.delete(sort)
      const part = partOf(cached, sort)
      const slot = part.get(sort)
      if (slot?.log !== log) return
      if (part === cached.tail) {
        cachedValues--
        return part.delete(sort)
      }
      const value = codec.settled?.(slot.value, slot.pieces, partition, sort) ?? slot.value
      part.set(sort, { value, pieces: slot.pieces, log: 0, born: 0 })
    },
    trim,
    size: count,
  }
}
