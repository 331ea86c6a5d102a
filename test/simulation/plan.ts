import { randomStream } from './random-stream.ts'
import { WHOLE } from './whole.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

/** One history of a simulation: everything that is needed to play the history again. */
export interface PlannedHistory {
  readonly index: number
  readonly world: string
  readonly settings: WorldSettings
  readonly seed: number
}

/** A whole world draws its settings by the seed of each history. */
const ALL: Readonly<Record<string, WorldSettings | ((seed: number) => WorldSettings)>> = { ...WORLDS, ...WHOLE }

/** @param worlds part of the names of the worlds to play in; histories take turns among them */
export const planHistory = (seed: number, index: number, worlds = ''): PlannedHistory => {
  const chosen = Object.entries(ALL).filter(([name]) => name.includes(worlds))
  const [world, given] = chosen[index % chosen.length] ?? []
  if (!world || !given) {
    throw new Error(`no world's name holds ${JSON.stringify(worlds)}; there are:\n  ${Object.keys(ALL).join('\n  ')}`)
  }
  const stream = randomStream(seed)
  stream.restart(index)
  const own = stream.bits() >>> 1
  return { index, world, settings: typeof given === 'function' ? given(own) : given, seed: own }
}
