import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import type { PlantedBug } from './bugs.ts'
import { ROOT } from './planted-copy.ts'
import { bundled, newWorker } from './pool.ts'

/** A bug that this many histories do not find counts as not noticed. */
const MAX_HUNTED = 10_000
/** Number of histories between two checks of what they found. */
const CHUNK = 4
const SEED = 1

/**
 * Plays histories on an engine with a bug until one of them breaks a promise: any, or the one that is named.
 *
 * @returns how many histories were played, and the promise; nothing when the maximum number of histories did not find the bug
 */
export const hunt = async (
  bug: PlantedBug,
  { most = MAX_HUNTED, promise }: { readonly most?: number; readonly promise?: string | undefined } = {},
): Promise<{ readonly histories: number; readonly promise: string } | undefined> => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-hunt-'))
  try {
    const worker = newWorker(await bundled(folder, [planting(bug)]))
    try {
      for (let from = 0; from < most; from += CHUNK) {
        const to = Math.min(most, from + CHUNK)
        const report = await worker.ask({ kind: 'play', seed: SEED, worlds: bug.worlds ?? '', from, to })
        if (report.kind !== 'played') throw new Error('a worker did something else than it was asked')
        const broken = report.histories.map(({ violations }) =>
          violations.find((one) => promise === undefined || one.promise === promise),
        )
        const at = broken.findIndex((one) => one !== undefined)
        const first = broken[at]
        if (first) return { histories: from + at + 1, promise: first.promise }
      }
      return undefined
    } finally {
      worker.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The bug's file as it is with the bug. */
export const planting = ({ file, replace, by }: PlantedBug): Plugin => ({
  name: 'planted bug',
  setup: (build) => {
    const path = join(ROOT, file)
    build.onLoad({ filter: /\.ts$/ }, async (loaded) => {
      if (loaded.path !== path) return undefined
      return { contents: (await readFile(path, 'utf8')).replace(replace, () => by), loader: 'ts' }
    })
  },
})
