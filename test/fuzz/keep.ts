import { copyFileSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Target } from './target.ts'

/**
 * Adds to a target's kept corpus those of the inputs found that reach code which the kept ones do not, the smallest first. What
 * is reached is what V8 counts of the target's bundle.
 *
 * @returns how many were added
 */
export const keepNew = async (bundle: string, kept: string, found: string): Promise<number> => {
  const { fuzz } = createRequire(bundle)(bundle) as Target
  const coverage = await countedCode(pathToFileURL(bundle).href)
  const reachesMore = async (file: string): Promise<boolean> => {
    try {
      await fuzz(readFileSync(file))
    } catch {
      // A finding, which is kept once it is mended.
      return false
    }
    return coverage.grows()
  }
  for (const name of readdirSync(kept)) await reachesMore(join(kept, name))
  const candidates = readdirSync(found).map((name) => ({ name, bytes: statSync(join(found, name)).size }))
  let added = 0
  for (const { name } of candidates.sort((a, b) => a.bytes - b.bytes)) {
    if (!(await reachesMore(join(found, name)))) continue
    copyFileSync(join(found, name), join(kept, name))
    added++
  }
  return added
}

const countedCode = async (url: string) => {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const reached = new Map<number, Uint8Array>()
  return {
    /** Whether something has run since the last call that had never run before. */
    grows: async (): Promise<boolean> => {
      const { result } = await session.post('Profiler.takePreciseCoverage')
      const functions = result.filter((script) => script.url === url).flatMap((script) => script.functions)
      return functions.filter((one) => addTo(reached, one)).length > 0
    },
  }
}

/** Adds what ran of a function, character by character. Its first range is all of it, and the others are within those before them. */
const addTo = (reached: Map<number, Uint8Array>, { ranges }: Profiler.FunctionCoverage): boolean => {
  const [all] = ranges
  if (!all || all.count === 0) return false
  const { startOffset: start } = all
  const ran = new Uint8Array(all.endOffset - start)
  for (const { startOffset, endOffset, count } of ranges)
    ran.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start)
  const before = reached.get(start)
  if (!before) return reached.set(start, ran).size > 0
  const grows = ran.some((one, at) => one === 1 && before[at] === 0)
  for (const [at, one] of ran.entries()) if (one === 1) before[at] = 1
  return grows
}
