import { copyFileSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Target } from './target.ts'

export interface Kept {
  readonly added: number
  readonly removed: number
}

/** The fuzzer names an input by its hash. People name those that they wrote, and those that broke a promise. */
const BY_FUZZER = /^[0-9a-f]{40}$/

/**
 * Makes a target's kept corpus a small one that reaches, together with the inputs that people named, all code that the kept ones and the
 * ones found reach. What is reached is what V8 counts of the target's bundle.
 *
 * Two rounds choose: the smallest inputs first, and of those in reverse, since a later input often reaches what earlier ones do.
 */
export const keepSmallest = async (bundle: string, kept: string, found: string): Promise<Kept> => {
  const { fuzz } = createRequire(bundle)(bundle) as Target
  const code = await countedCode(pathToFileURL(bundle).href)
  const keptNames = readdirSync(kept)
  const named = keptNames.filter((name) => !BY_FUZZER.test(name)).map((name) => join(kept, name))
  /** Those of the inputs that reach what neither the named ones do nor those before them. */
  const reachingMore = async (paths: readonly string[]): Promise<string[]> => {
    code.forget()
    for (const path of named) await code.isNewIn(fuzz, path)
    const wanted: string[] = []
    for (const path of paths) if (await code.isNewIn(fuzz, path)) wanted.push(path)
    return wanted
  }
  const before = keptNames.filter((name) => BY_FUZZER.test(name)).map((name) => join(kept, name))
  const more = readdirSync(found).flatMap((name) => (keptNames.includes(name) ? [] : [join(found, name)]))
  const bySize = [...before, ...more].sort((a, b) => statSync(a).size - statSync(b).size)
  const wanted = new Set(await reachingMore((await reachingMore(bySize)).reverse()))
  const [added, removed] = [more.filter((path) => wanted.has(path)), before.filter((path) => !wanted.has(path))]
  for (const path of added) copyFileSync(path, join(kept, basename(path)))
  for (const path of removed) rmSync(path)
  return { added: added.length, removed: removed.length }
}

const countedCode = async (url: string) => {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const reached = new Map<number, Uint8Array>()
  return {
    /** Makes all code count as never reached. */
    forget: (): void => reached.clear(),
    /** Tries an input. Returns whether something has run that had never run before. */
    isNewIn: async (fuzz: Target['fuzz'], path: string): Promise<boolean> => {
      try {
        await fuzz(readFileSync(path))
      } catch {
        // A finding, which is kept once it is mended.
        return false
      }
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
