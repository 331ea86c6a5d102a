import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DiskMaps } from '../../../../../lib/store/keyed/disk/disk-maps.ts'
import { DATA_FILE } from '../../../../../lib/store/keyed/disk/disk-store.ts'
import { openLmdbFile } from '../../../../../lib/store/keyed/disk/lmdb-file.ts'
import { createLog } from '../../../../../lib/store/keyed/disk/log-file.ts'
import { recover } from '../../../../../lib/store/keyed/disk/recovery.ts'
import type { Maps, StoredDocument } from '../../../../../lib/store/keyed/entries.ts'
import { manualClock, settled } from '../../../../support/manual-clock.ts'
import { overriding } from '../../../../support/overriding.ts'
import fc, { FRESH_SEEDS } from '../../../../support/properties.ts'
import { quickDirectory } from '../../../../support/temporary-directory.ts'

const PARTITIONS = ['p', 'q', 'r', 's'] as const
const SORTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const

type Operation =
  | { readonly kind: 'put'; readonly partition: string; readonly sort: string; readonly value: number }
  | { readonly kind: 'delete'; readonly partition: string; readonly sort: string }
  | { readonly kind: 'get'; readonly partition: string; readonly sort: string }
  | { readonly kind: 'partitions' }
  | {
      readonly kind: 'visit' | 'scan'
      readonly partition: string
      readonly from: string
      readonly to: string
      readonly count: number
    }

/** What happens from one step to the next. */
type Event =
  | { readonly kind: 'step'; readonly operations: readonly Operation[]; readonly fate: 'kept' | 'thrown' | 'refused' }
  | { readonly kind: 'turn' }
  | { readonly kind: 'restart'; readonly how: 'closed' | 'killed' }

const partition = fc.constantFrom(...PARTITIONS)
const sort = fc.constantFrom(...SORTS)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), partition, sort, value: fc.nat(99) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), partition, sort }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), partition, sort }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'partitions' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('visit' as const, 'scan' as const),
      partition,
      from: fc.oneof(sort, fc.constant('')),
      to: fc.oneof(sort, fc.constant('\uffff')),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
)
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('step' as const),
      operations: fc.array(operation, { minLength: 1, maxLength: 4 }),
      fate: fc.oneof(
        { weight: 8, arbitrary: fc.constant('kept' as const) },
        fc.constantFrom('thrown' as const, 'refused' as const),
      ),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'turn' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      how: fc.constantFrom('closed' as const, 'killed' as const),
    }),
  },
)

type Model = Map<string, number>
const keyOf = (where: { partition: string; sort: string }) => `${where.partition}/${where.sort}`

const inModel = (model: Model, one: Operation): unknown => {
  switch (one.kind) {
    case 'put':
      model.set(keyOf(one), one.value)
      return undefined
    case 'delete':
      model.delete(keyOf(one))
      return undefined
    case 'get':
      return model.get(keyOf(one))
    case 'partitions':
      return PARTITIONS.filter((name) => SORTS.some((key) => model.has(keyOf({ partition: name, sort: key }))))
    case 'visit':
    case 'scan': {
      const to = one.kind === 'scan' ? '\uffff' : one.to
      return SORTS.filter((name) => name >= one.from && name <= to && model.has(keyOf({ ...one, sort: name })))
        .slice(0, one.count)
        .map((name) => [name, model.get(keyOf({ ...one, sort: name }))])
    }
  }
}

const inMaps = ({ documents }: Maps, one: Operation): unknown => {
  switch (one.kind) {
    case 'put': {
      const { partition: name, sort: key, value } = one
      return documents.set(name, key, { partition: name, sort: key, version: 1, value })
    }
    case 'delete':
      return documents.delete(one.partition, one.sort)
    case 'get':
      return documents.get(one.partition, one.sort)?.value
    case 'partitions': {
      const found = new Set(documents.partitions())
      return PARTITIONS.filter((name) => found.has(name) && SORTS.some((key) => documents.get(name, key)))
    }
    case 'visit':
    case 'scan': {
      const found: [string, unknown][] = []
      const show = (key: string, { value }: StoredDocument) => {
        found.push([key, value])
        return found.length < one.count
      }
      if (one.kind === 'scan') documents.scan(one.partition, one.from, show)
      else documents.visit(one.partition, one.from, one.to, show)
      return found
    }
  }
}

/** Maps with so little room that everything happens all the time, in a directory of their own. */
const smallMaps = async (directory: string, logBytes: number) => {
  let refusing = false
  const file = await openLmdbFile(join(directory, DATA_FILE))
  const create: typeof createLog = (...where) => {
    const log = createLog(...where)
    const append = (bytes: Uint8Array) => {
      if (refusing) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      log.append(bytes)
    }
    return overriding(log, { append })
  }
  const maps = new DiskMaps({
    directory,
    file,
    create,
    logBytes,
    clock: manualClock(),
    firstLog: await recover({ directory, file, warn: () => {} }),
    sync: false,
    limits: { values: 4, partitions: 2, chunk: 2 },
    warn: () => {},
  })
  return {
    maps,
    refuse: (now: boolean) => {
      refusing = now
    },
  }
}

/** A copy as a process that is killed leaves it behind: taken when no log is just being brought into the file. */
const copyOf = async (directory: string): Promise<string> => {
  while (readdirSync(directory).filter((name) => name.startsWith('log.')).length > 1) await settled()
  const copy = quickDirectory()
  cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('-lock') })
  return copy
}

const RUNS = FRESH_SEEDS ? 500 : 60

describe('maps on disk', () => {
  test('hold what a model holds, over refused writes, steps that throw, restarts and kills', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 20, maxLength: 150, size: 'max' }),
        fc.constantFrom(60, 300, 100_000),
        async (events, logBytes) => {
          const directories = [quickDirectory()]
          const opened: DiskMaps[] = []
          let model: Model = new Map()
          let { maps, refuse } = await smallMaps(directories[0] ?? '', logBytes)
          opened.push(maps)
          try {
            for (const one of events) {
              if (one.kind === 'turn') await settled()
              else if (one.kind === 'step') model = await takeStep({ maps, refuse }, model, one)
              else {
                const before = directories.at(-1) ?? ''
                if (one.how === 'closed') await maps.close()
                else directories.push(await copyOf(before))
                ;({ maps, refuse } = await smallMaps(directories.at(-1) ?? '', logBytes))
                opened.push(maps)
              }
            }
            const all = PARTITIONS.map(
              (name): Operation => ({ kind: 'scan', partition: name, from: '', to: '', count: 99 }),
            )
            for (const one of all) {
              expect(await maps.atomically((inside) => inMaps(inside, one))).toEqual(inModel(model, one))
            }
          } finally {
            for (const each of opened) await each.close().catch(() => {})
            for (const each of directories) rmSync(each, { recursive: true })
          }
        },
      ),
      { numRuns: RUNS },
    )
  })
})

test('what a refused write had deleted is there again, though all else of its partition was forgotten', async () => {
  const directory = quickDirectory()
  const { maps, refuse } = await smallMaps(directory, 100_000)
  const document = { partition: 'p', sort: 'a', version: 1, value: 'kept' }
  await maps.atomically(({ documents }) => documents.set('p', 'a', document))
  refuse(true)
  const refused = maps.atomically(({ documents }) => {
    documents.delete('p', 'a')
    // More partitions than there is room for: those used first are forgotten.
    for (const other of ['q', 'r', 's']) documents.visit(other, '', '~', () => true)
  })
  await expect(refused).rejects.toThrow('is full: nothing was changed')
  refuse(false)
  expect(await maps.atomically(({ documents }) => documents.get('p', 'a'))).toEqual(document)
  await maps.close()
})

const takeStep = async (
  { maps, refuse }: Pick<Awaited<ReturnType<typeof smallMaps>>, 'maps' | 'refuse'>,
  model: Model,
  { operations, fate }: Extract<Event, { kind: 'step' }>,
): Promise<Model> => {
  const after: Model = new Map(model)
  const expected = operations.map((one) => inModel(after, one))
  const work = (inside: Maps) => {
    const found = operations.map((one) => inMaps(inside, one))
    expect(found).toEqual(expected)
    if (fate === 'thrown') throw new Error('thrown by the step')
    return found
  }
  if (fate === 'refused') refuse(true)
  const outcome = await maps.atomically(work).then(
    () => 'kept',
    (error: Error) => error.message,
  )
  refuse(false)
  const writes = operations.some(({ kind }) => kind === 'put' || kind === 'delete')
  if (fate === 'thrown') expect(outcome).toBe('thrown by the step')
  else if (fate === 'refused' && outcome !== 'kept') expect(outcome).toContain('is full: nothing was changed')
  else expect(outcome).toBe('kept')
  return outcome === 'kept' && writes ? after : model
}
