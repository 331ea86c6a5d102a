import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FRESH } from '../../../../../lib/model/segment.ts'
import { partitionId, sortKey } from '../../../../../lib/model/segment-key.ts'
import { DiskMaps, type DiskMapsParts } from '../../../../../lib/store/keyed/disk/disk-maps.ts'
import { DATA_FILE } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { type LmdbFile, openLmdbFile } from '../../../../../lib/store/keyed/disk/lmdb-file.ts'
import { createLog, type LogFile } from '../../../../../lib/store/keyed/disk/log-file.ts'
import { recover } from '../../../../../lib/store/keyed/disk/recovery.ts'
import type { Maps } from '../../../../../lib/store/keyed/entries.ts'
import { MemoryMap } from '../../../../../lib/store/keyed/memory-map.ts'
import { manualClock, START } from '../../../../support/manual-clock.ts'
import { overriding } from '../../../../support/overriding.ts'
import { seededRandom } from '../../../../support/seeded-random.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'
import { comparable, textContent } from '../../samples.ts'

/** What the directory holds at an instant: what a process that is killed then leaves behind. */
export interface Image {
  readonly instant: string
  readonly files: ReadonlyMap<string, Buffer>
  /** Bytes of each log that the disk has taken. */
  readonly synced: ReadonlyMap<string, number>
  /** Steps that were answered, and steps that were begun: it may hold what any number in between changed. */
  readonly answered: number
  readonly begun: number
}

export const BOOT = Buffer.alloc(16, 1)
export const NEXT_BOOT = Buffer.alloc(16, 2)

/** One step of work. */
export type Work = (maps: Maps) => void

const PARTITION = { queue: 'orders', generation: 'g1', shard: 0 } as const
const KEYS = 12

/** Steps that insert, change and delete segments, with bodies of none to three pieces, and documents. */
export const someWork = (seed: number, count: number): Work[] => {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, version) => {
    const operations = Array.from({ length: random.whole(1, 3) }, () => ({
      kind: random.oneOf(['delete', 'delete document', 'set document', 'change', 'change'] as const),
      n: random.whole(1, KEYS),
      length: random.oneOf([10, 900, 33_000, 70_000]),
    }))
    return ({ segments, documents }) => {
      for (const { kind, n, length } of operations) {
        const id = partitionId(PARTITION)
        const sort = sortKey({ priority: 0, dueAt: START, unique: n.toString(16).padStart(14, '0') })
        const entry = segments.get(id, sort)
        if (kind === 'delete') segments.delete(id, sort)
        else if (kind === 'delete document') documents.delete('d', `${n}`)
        else if (kind === 'set document')
          documents.set('d', `${n}`, { partition: 'd', sort: `${n}`, version, value: 'x'.repeat(n) })
        else if (entry) segments.set(id, sort, { ...entry, segment: { ...entry.segment, version } })
        else segments.set(id, sort, newEntry(sort, version, length))
      }
    }
  })
}

const newEntry = (sort: string, version: number, length: number) => ({
  segment: {
    key: { partition: PARTITION, sort },
    version,
    slots: [FRESH],
    publishedAt: START,
    expiresAt: START + 1_000_000,
    bodyItems: 0,
  },
  content: textContent(`${version} `.padEnd(length, sort)),
})

/** All that the maps hold. */
const contentsOf = ({ segments, documents }: Maps): unknown[] => {
  const found: unknown[] = []
  segments.visit(partitionId(PARTITION), '', '\uffff', (sort, { segment, content }) => {
    found.push([sort, segment.version, comparable('load' in content ? content.load() : content)])
    return true
  })
  documents.visit('d', '', '\uffff', (sort, { version, value }) => {
    found.push([sort, version, value])
    return true
  })
  return found
}

interface RigOptions {
  readonly logBytes?: number
  readonly sync?: boolean
  readonly directory?: string
  readonly boot?: Uint8Array
}

/** Has maps on disk do the work, step by step or several in a turn. Answers an image of each instant that counts. */
export const imagesOf = async (
  work: readonly Work[],
  { logBytes = 60_000, sync = false, directory = quickDirectory(), boot = BOOT }: RigOptions = {},
): Promise<Image[]> => {
  const images: Image[] = []
  const progress = { answered: 0, begun: 0 }
  const { file, logs } = spiedFiles(directory, await openLmdbFile(join(directory, DATA_FILE)), (image) =>
    images.push({ ...image, ...progress }),
  )
  const firstLog = await recover({ directory, file, boot, warn: () => {} })
  const create: typeof createLog = (where, number) => logs(where, number, boot)
  const maps = new DiskMaps({ ...PARTS, directory, file, boot, create, firstLog, sync, logBytes })
  for (let at = 0; at < work.length; ) {
    const inTurn = work.slice(at, at + 1 + (at % 3))
    at += inTurn.length
    await Promise.all(
      inTurn.map(async (one) => {
        progress.begun++
        await maps.atomically(one)
        progress.answered++
      }),
    )
  }
  await maps.close()
  return images
}

/** Maps with sync, whose disk takes nothing until it is let. */
export const mapsOnSlowDisk = async (disk: Promise<void>): Promise<DiskMaps> => {
  const directory = quickDirectory()
  const file = await openLmdbFile(join(directory, DATA_FILE))
  const firstLog = await recover({ directory, file, boot: BOOT, warn: () => {} })
  const create: typeof createLog = (where, number) => {
    const log = createLog(where, number, BOOT)
    return overriding(log, { sync: () => disk.then(() => log.sync()) })
  }
  return new DiskMaps({ ...PARTS, directory, file, boot: BOOT, create, firstLog, sync: true, logBytes: 60_000 })
}

const PARTS: Pick<DiskMapsParts, 'clock' | 'limits' | 'warn'> = {
  clock: manualClock(),
  limits: { values: 6, partitions: 3, chunk: 2 },
  warn: () => {},
}

type Seen = Pick<Image, 'instant' | 'files' | 'synced'>

/** What a file holds; nothing where it was deleted since it was listed, which happens beside: then the image is of after that. */
const bytesOf = (path: string): Buffer[] => {
  try {
    return [readFileSync(path)]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** The data file and logs, telling of each instant before and after what they do. */
const spiedFiles = (directory: string, lmdb: LmdbFile, told: (image: Seen) => void) => {
  const dataPath = join(directory, DATA_FILE)
  const synced = new Map<string, number>()
  /** The data file before the commit that may be under way. */
  let data = readFileSync(dataPath)
  const seen = (instant: string): Seen => {
    const names = readdirSync(directory).filter((name) => name.startsWith('log.'))
    const files = new Map(
      names.flatMap((name) => bytesOf(join(directory, name)).map((bytes) => [name, bytes] as const)),
    )
    return { instant, files: files.set(DATA_FILE, data), synced: new Map(synced) }
  }
  const tell = (instant: string) => told(seen(instant))

  const aCommit =
    <A>(name: string, write: (arg: A) => Promise<void>) =>
    async (arg: A) => {
      tell(`before ${name}`)
      await write(arg)
      data = readFileSync(dataPath)
      tell(`after ${name}`)
    }
  const spied: Partial<LmdbFile> = {
    write: aCommit('a commit', lmdb.write),
    setEmptied: aCommit('the commit that a log has been emptied', lmdb.setEmptied),
  }

  const partly = (instant: string, name: string, bytes: Uint8Array, lengths: readonly number[]) => {
    const before = seen(instant)
    for (const length of lengths) {
      if (length >= bytes.length) continue
      const content = Buffer.concat([before.files.get(name) ?? Buffer.alloc(0), bytes.subarray(0, length)])
      told({ ...before, instant: `${instant}, ${length} bytes`, files: new Map(before.files).set(name, content) })
    }
  }

  const logs = (where: string, number: number, boot?: Uint8Array): LogFile => {
    const name = `log.${number}`
    tell('before a log is created')
    const log = createLog(where, number, boot)
    const header = readFileSync(join(where, name))
    const without = seen('')
    for (const length of [0, 4, 20, 35]) {
      told({
        ...without,
        instant: `a log of ${length} bytes`,
        files: new Map(without.files).set(name, header.subarray(0, length)),
      })
    }
    synced.set(name, log.size)
    tell('after a log was created')
    const own: Partial<LogFile> = {
      append: (bytes) => {
        tell('before an append')
        partly('during an append', name, bytes, [1, 15, 16, 17, bytes.length >> 1, bytes.length - 1])
        log.append(bytes)
        tell('after an append')
      },
      complete: () => {
        tell('before the end of a log')
        log.complete()
        tell('after the end of a log')
      },
      sync: async () => {
        tell('before a sync')
        await log.sync()
        synced.set(name, log.synced)
        tell('after a sync')
      },
      close: () => {
        tell('before a log is closed')
        log.close()
      },
    }
    return overriding(log, own)
  }
  return { file: overriding(lmdb, spied), logs }
}

/** Puts the files of an image into a directory. */
export const restored = ({ files }: Pick<Image, 'files'>): string => {
  const directory = quickDirectory()
  for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes)
  return directory
}

/** What the next process finds in a directory. Calls `seen` with what is there at each instant of its start. */
export const foundIn = async (
  directory: string,
  { boot = BOOT, seen }: { boot?: Uint8Array; seen?: (image: Seen) => void } = {},
): Promise<{ contents: unknown[]; warnings: string[] }> => {
  const warnings: string[] = []
  const lmdb = await openLmdbFile(join(directory, DATA_FILE))
  let maps: DiskMaps | undefined
  try {
    const { file } = seen ? spiedFiles(directory, lmdb, seen) : { file: lmdb }
    const firstLog = await recover({ directory, file, boot, warn: (message) => warnings.push(message) })
    maps = new DiskMaps({ ...PARTS, directory, file, boot, firstLog, sync: false })
    return { contents: await maps.atomically(contentsOf), warnings }
  } finally {
    await (maps ?? lmdb).close()
  }
}

/** What there is after each number of steps. */
export const contentsAfter = (work: readonly Work[]): unknown[][] => {
  const maps: Maps = { segments: new MemoryMap(), documents: new MemoryMap(), tickets: new MemoryMap() }
  return [contentsOf(maps)].concat(
    work.map((one) => {
      one(maps)
      return contentsOf(maps)
    }),
  )
}
