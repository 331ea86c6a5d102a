import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { bundled } from '../simulation/pool.ts'
import { type Verdict, verdictsOn } from './checker.ts'

export interface SimulatedOrder {
  readonly seed: number
  readonly from: number
  readonly to: number
  /** Words of the names of worlds. */
  readonly worlds: string
  /** Where Porcupine's visualizations of violations go. @default none are made */
  readonly pictures?: string
}

/** Bundles the program that plays histories, with bugs that plugins plant. */
export const bundledPlayer = (folder: string, plugins: Plugin[] = []): Promise<string> =>
  bundled(folder, plugins, join(import.meta.dirname, 'play.ts'))

/** Plays histories in a separate process, which ends when the reader stops, and checks them. */
export async function* simulatedVerdicts(
  { player, checker }: { readonly player: string; readonly checker: string },
  { seed, from, to, worlds, pictures }: SimulatedOrder,
): AsyncGenerator<Verdict> {
  const child = spawn(process.execPath, [player, String(seed), String(from), String(to), worlds], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  try {
    yield* verdictsOn(checker, child.stdout, pictures === undefined ? {} : { pictures })
    const code = await ended
    if (code !== 0) throw new Error(`the player of histories ended with code ${code}`)
  } finally {
    child.kill()
  }
}
