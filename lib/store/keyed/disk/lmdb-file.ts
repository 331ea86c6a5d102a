import type { Database } from 'lmdb'
import { HoldfastError } from '../../../model/errors.ts'
import { damagedFile, layoutUnknown } from './damage.ts'
import { placeOf } from './file-place.ts'
import { findDamage } from './lmdb-check.ts'

/**
 * The file that full logs are emptied into: an LMDB database with bytes as keys and values.
 *
 *     s<partition>1<sort key>              a segment's header      (1 stands for a byte of that value)
 *     b<partition>1<sort key>1<piece>      its content, in pieces (`PIECE_BYTES`)
 *     d<partition>1<sort key>              a document
 *     t<partition>1<group>                 a ticket
 *     m                                    the layout's version
 *     l                                    the number of the last log that was emptied into the file
 *
 * A batch of puts is written with all of its bytes prepared before, and never from a callback inside a transaction of LMDB:
 * what such a callback writes stays written when it throws. Each batch is on the disk when its write resolves, so the file
 * can be trusted after a restart of the machine.
 */
export interface LmdbFile {
  get(key: string): Buffer | undefined
  /** Entries from one key on and before another, in the order of their bytes. */
  range(range: { from: string; before: string; limit: number }): { key: string; value: Buffer }[]
  /** The first key that is not before `from`. */
  firstKey(from: string): string | undefined
  /** The last key from `from` up to `to`. */
  lastKey(from: string, to: string): string | undefined
  /** Writes all entries of a batch, or none. A value of `undefined` deletes the key. */
  write(batch: readonly (readonly [key: string, value: Uint8Array | undefined])[]): Promise<void>
  /** Number of the last log that was emptied into the file; 0 before the first one. */
  readonly emptied: number
  setEmptied(log: number): Promise<void>
  /** Whether the file is still in its directory. */
  isInPlace(): boolean
  /** Makes later reads see the last write. */
  refresh(): void
  close(): Promise<void>
}

export const SEPARATOR = '\u0001'
/** The longest key that LMDB takes with pages of 4 KB. */
export const MAX_KEY_BYTES = 1_900

const LAYOUT = 1
const LAYOUT_KEY = 'm'
const EMPTIED_KEY = 'l'

/** Opens the file, or creates it. */
export const openLmdbFile = async (path: string): Promise<LmdbFile> => {
  const { open } = await loadLmdb()
  checkWhole(path)
  let db: Data
  try {
    db = open<Uint8Array, string>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoder: KEYS,
      // Each commit is on the disk before it resolves, and a restart opens the last commit.
      overlappingSync: false,
      useWritemap: false,
      // A commit of the library's own batching that fails ends the process, because the library leaves its promise unhandled.
      eventTurnBatching: false,
      // Few readers, so that free pages are soon used again: a page is kept as long as a reader may read it.
      maxReaders: 8,
    })
  } catch (error) {
    throw unusable(path, error)
  }
  try {
    await checkLayout(db, path)
  } catch (error) {
    await db.close()
    throw error
  }
  return fileOn(db, path)
}

const loadLmdb = async (): Promise<typeof import('lmdb')> => {
  try {
    return await import('lmdb')
  } catch (cause) {
    throw new Error(
      `the package lmdb, which keeps messages on disk, can't be loaded on ${process.platform}-${process.arch}: run npm install --include=optional`,
      { cause },
    )
  }
}

/** Stores keys as UTF-8: the library's own encoding of strings depends on their length. */
const KEYS = {
  writeKey: (key: string, target: Buffer, position: number): number =>
    position + target.write(key, position, target.length - position, 'utf8'),
  readKey: (source: Buffer, start: number, end: number): string => Buffer.prototype.utf8Slice.call(source, start, end),
}

const unusable = (path: string, cause: unknown): Error => {
  const { message, code } = cause as NodeJS.ErrnoException
  return new Error(
    `${path} can't be opened (${message ?? code}): check that this process may read and write it, and that its disk is ` +
      'neither read-only nor full',
    { cause },
  )
}

const checkWhole = (path: string): void => {
  let damage: string | undefined
  try {
    damage = findDamage(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(path, error)
  }
  if (damage) throw damagedFile(path, damage)
}

type Data = Database<Uint8Array, string>

const checkLayout = async (db: Data, path: string): Promise<void> => {
  const found = db.get(LAYOUT_KEY)
  if (!found) {
    await db.put(LAYOUT_KEY, Buffer.of(LAYOUT))
    return
  }
  if (found[0] !== LAYOUT) throw layoutUnknown(path, found[0] ?? 0, LAYOUT)
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

const fileOn = (db: Data, path: string): LmdbFile => ({
  get: (key) => reading(path, () => get(db, key)),
  range: ({ from, before, limit }) => reading(path, () => entries(db, { start: from, end: before, limit })),
  firstKey: (from) => reading(path, () => firstOf(db.getKeys({ start: from, limit: 1 }))),
  lastKey: (from, to) => reading(path, () => firstOf(db.getKeys({ start: to, end: from, reverse: true, limit: 1 }))),
  write: (batch) => write(db, batch),
  get emptied() {
    return get(db, EMPTIED_KEY)?.readUInt32LE() ?? 0
  },
  setEmptied: (log) => {
    const number = Buffer.alloc(4)
    number.writeUInt32LE(log)
    return write(db, [[EMPTIED_KEY, number]])
  },
  isInPlace: placeOf(path),
  refresh: () => db.resetReadTxn(),
  close: () => db.close(),
})

/** Does a read. @throws `StoreUnavailable` where the file is damaged */
const reading = <T>(path: string, read: () => T): T => {
  try {
    return read()
  } catch (cause) {
    const { message } = damagedFile(path, (cause as Error).message)
    throw new HoldfastError('StoreUnavailable', message, {}, { cause })
  }
}

const get = (db: Data, key: string): Buffer | undefined => {
  const value = db.getBinary(key)
  return value && asBuffer(value)
}

const entries = (db: Data, range: { start: string; end: string; limit: number }): { key: string; value: Buffer }[] => {
  const found: { key: string; value: Buffer }[] = []
  // The library returns binary values as plain byte arrays.
  for (const { key, value } of db.getRange(range)) found.push({ key, value: asBuffer(value) })
  return found
}

const firstOf = (keys: Iterable<string>): string | undefined => {
  for (const key of keys) return key
  return undefined
}

const write = async (db: Data, batch: Parameters<LmdbFile['write']>[0]): Promise<void> => {
  if (batch.length === 0) return
  const done: Promise<unknown>[] = []
  const putAll = () => {
    for (const [key, value] of batch) done.push(value ? db.put(key, value) : db.remove(key))
  }
  done.push(db.batch(putAll))
  try {
    await Promise.all(done)
  } catch (error) {
    // The library's error has the reason in a promise of its own.
    throw await ((error as { commitError?: Promise<never> }).commitError?.catch((cause: unknown) => cause) ?? error)
  }
}
