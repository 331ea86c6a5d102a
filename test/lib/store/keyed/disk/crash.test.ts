import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../../support/seeded-random.ts'
import {
  BOOT,
  contentsAfter,
  foundIn,
  type Image,
  imagesOf,
  mapsOnSlowDisk,
  NEXT_BOOT,
  restored,
  someWork,
} from './crash-rig.ts'

/** `npm run test:faults` has more. */
const SEEDS = Array.from({ length: Number(process.env.HOLDFAST_CRASH_SEEDS ?? 1) }, (_, n) => n + 1)
const STEPS = 30

/** How many steps what was found is the outcome of; nothing when it is not the outcome of any number of them. */
const stepsIn = (contents: unknown[], after: unknown[][], { answered, begun }: Image): number | undefined => {
  const text = JSON.stringify(contents)
  for (let steps = answered; steps <= begun; steps++) if (JSON.stringify(after[steps]) === text) return steps
  return undefined
}

describe.each([
  ['', {}],
  [' with each answer after a sync', { sync: true }],
])('a process that is killed%s', (_, options) => {
  test.each(SEEDS)('leaves what it answered, at whatever instant it is killed (seed %i)', async (seed) => {
    const work = someWork(seed, STEPS)
    const after = contentsAfter(work)
    const images = await imagesOf(work, options)
    expect(new Set(images.map(({ instant }) => instant.replace(/,.*/, ''))).size).toBeGreaterThan(14)
    const wrong: string[] = []
    for (const image of images) {
      const { contents, warnings } = await foundIn(restored(image))
      if (stepsIn(contents, after, image) === undefined) wrong.push(image.instant)
      // Nothing is said of a machine that has ended.
      wrong.push(...warnings)
    }
    expect(wrong).toEqual([])
  })
})

/** Loses what the disk had not taken: the end of each log, or some of its pages. */
const withoutUnsynced = (image: Image, seed: number): Image => {
  const random = seededRandom(seed)
  const files = new Map(image.files)
  for (const [name, bytes] of files) {
    const synced = image.synced.get(name)
    if (synced === undefined || bytes.length <= synced) continue
    const lossy = Buffer.from(bytes)
    for (let at = synced; at < lossy.length; at += 4_096)
      if (random.chance(0.3)) lossy.fill(0, at, Math.min(at + 4_096, lossy.length))
    files.set(name, random.chance(0.5) ? lossy : lossy.subarray(0, random.whole(synced, lossy.length)))
  }
  return { ...image, files }
}

test.each(SEEDS)('what a start brings in is the same when it is killed at any instant (seed %i)', async (seed) => {
  const random = seededRandom(seed)
  const left = (await imagesOf(someWork(seed, STEPS))).filter(({ files }) => files.size > 2)
  expect(left.length).toBeGreaterThan(20)
  for (const [at, image] of left.entries()) {
    if (!random.chance(0.07)) continue
    for (const [found, boot] of [
      [image, BOOT],
      [withoutUnsynced(image, seed + at), NEXT_BOOT],
    ] as const) {
      const killed: Pick<Image, 'instant' | 'files'>[] = []
      const { contents } = await foundIn(restored(found), { boot, seen: (seen) => killed.push(seen) })
      for (const { instant, files } of killed) {
        expect({ [instant]: (await foundIn(restored({ files }), { boot })).contents }).toEqual({ [instant]: contents })
      }
    }
  }
})

test.each(SEEDS)(
  'a machine that ends leaves a whole, which lacks at most what the disk had not taken (seed %i)',
  async (seed) => {
    const work = someWork(seed, STEPS)
    const after = contentsAfter(work)
    const outcomes = { all: 0, less: 0 }
    for (const [at, image] of (await imagesOf(work)).entries()) {
      const { contents } = await foundIn(restored(withoutUnsynced(image, seed + at)), { boot: NEXT_BOOT })
      const steps = stepsIn(contents, after, { ...image, answered: 0 })
      expect({ [image.instant]: steps }).not.toEqual({ [image.instant]: undefined })
      outcomes[(steps ?? 0) < image.answered ? 'less' : 'all']++
    }
    expect(outcomes).toEqual({ all: expect.any(Number), less: expect.any(Number) })
    expect(Math.min(outcomes.all, outcomes.less)).toBeGreaterThan(10)
  },
)

test.each(SEEDS)('a machine that ends loses nothing that was answered after a sync (seed %i)', async (seed) => {
  const work = someWork(seed, STEPS)
  const after = contentsAfter(work)
  for (const [at, image] of (await imagesOf(work, { sync: true })).entries()) {
    const { contents } = await foundIn(restored(withoutUnsynced(image, seed + at)), { boot: NEXT_BOOT })
    expect({ [image.instant]: stepsIn(contents, after, image) }).not.toEqual({ [image.instant]: undefined })
  }
})

test('with sync neither a change nor a read of it is answered before the disk has it', async () => {
  let release = () => {}
  const disk = new Promise<void>((resolve) => {
    release = resolve
  })
  const maps = await mapsOnSlowDisk(disk)
  const answered: string[] = []
  const document = { partition: 'd', sort: 'one', version: 1, value: 'kept' }
  const change = maps
    .atomically(({ documents }) => documents.set('d', 'one', document))
    .then(() => answered.push('change'))
  await turns(20)
  const read = maps
    .atomically(({ documents }) => documents.get('d', 'one'))
    .then((found) => {
      answered.push(`read ${found?.value}`)
    })
  await turns(20)
  expect(answered).toEqual([])
  release()
  await Promise.all([change, read])
  expect(answered).toEqual(['change', 'read kept'])
  await maps.close()
})

/** Lets the event loop turn. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a log that was changed by anything else', () => {
  const lastImage = async (): Promise<Image> => {
    const images = await imagesOf(someWork(3, 12), { logBytes: 1_000_000 })
    return images.filter(({ instant }) => instant === 'after an append').at(-1) as Image
  }
  const changed = (image: Image, name: string, change: (bytes: Buffer) => Buffer): string => {
    const directory = restored(image)
    writeFileSync(join(directory, name), change(Buffer.from(image.files.get(name) ?? '')))
    return directory
  }
  const flipped = (at: number) => (bytes: Buffer) => {
    bytes[at] = (bytes[at] ?? 0) ^ 0x10
    return bytes
  }

  test('is found to be damaged, whichever byte it is, and the file takes nothing of it', async () => {
    const image = await lastImage()
    const length = image.files.get('log.1')?.length ?? 0
    const random = seededRandom(1)
    const places = [
      ...Array.from({ length: 60 }, (_, at) => at),
      ...Array.from({ length: 60 }, () => random.whole(60, length - 1)),
    ]
    for (const at of places) {
      // A byte of the layout's number names another layout.
      const reason = at === 5 ? 'was written in layout 18' : 'is damaged at byte'
      await expect(foundIn(changed(image, 'log.1', flipped(at))), `byte ${at}`).rejects.toThrow(reason)
    }
  })

  test('can be cut off at the byte that the error names, and then has the changes before that byte', async () => {
    const work = someWork(3, 12)
    const image = await lastImage()
    const length = image.files.get('log.1')?.length ?? 0
    const error = await foundIn(changed(image, 'log.1', flipped(length >> 1))).catch((reason: Error) => reason)
    const [, at] = /truncate -s (\d+) \S+log\.1\)/.exec((error as Error).message) ?? []
    const { contents } = await foundIn(changed(image, 'log.1', (bytes) => bytes.subarray(0, Number(at))))
    const steps = stepsIn(contents, contentsAfter(work), { ...image, answered: 1 })
    expect(steps).toBeLessThan(image.answered)
  })

  test('is found to be damaged after the end of the machine, too, where the disk had taken it', async () => {
    const images = await imagesOf(someWork(3, 12), { logBytes: 1_000_000, sync: true })
    const image = images.filter(({ instant }) => instant === 'after an append').at(-1) as Image
    await expect(foundIn(changed(image, 'log.1', flipped(60)), { boot: NEXT_BOOT })).rejects.toThrow(
      'is damaged at byte 36',
    )
  })

  test('that is missing, or that lacks its end, is refused where a later log continues it', async () => {
    const image = (await imagesOf(someWork(1, STEPS))).find(
      ({ instant, files }) => instant === 'after an append' && files.size > 2,
    ) as Image
    const [first = '', second = ''] = [...image.files.keys()].filter((name) => name.startsWith('log.')).sort()
    const without = new Map(image.files)
    without.delete(first)
    await expect(foundIn(restored({ files: without }))).rejects.toThrow(`${first} is missing or has lost its end`)
    const cutOff = changed(image, first, (bytes) => bytes.subarray(0, bytes.length - 3))
    await expect(foundIn(cutOff)).rejects.toThrow(`${first} is missing or has lost its end, although`)
    // After the end of the machine that is what may be lost.
    const { warnings } = await foundIn(cutOff, { boot: NEXT_BOOT })
    expect(warnings).toEqual([
      expect.stringMatching(`${second} are left out: they continue .*${first}, which lost its end`),
    ])
    expect(BOOT).not.toEqual(NEXT_BOOT)
  })
})
