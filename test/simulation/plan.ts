import { randomStream } from './random-stream.ts'
import type { WorldSettings } from './world-settings.ts'
import { WORLDS } from './worlds.ts'

/** One history of a simulation: all that there is to know to play it again. */
export interface PlannedHistory {
  readonly index: number
  readonly world: string
  readonly settings: WorldSettings
  readonly seed: number
}

/** @param worlds part of the names of the worlds to play in; histories take turns among them */
export const planHistory = (seed: number, index: number, worlds = ''): PlannedHistory => {
  const chosen = Object.entries(WORLDS).filter(([name]) => name.includes(worlds))
  const [world, settings] = chosen[index % chosen.length] ?? []
  if (!world || !settings) {
    throw new Error(
      `no world's name holds ${JSON.stringify(worlds)}; there are:\n  ${Object.keys(WORLDS).join('\n  ')}`,
    )
  }
  const stream = randomStream(seed)
  stream.restart(index)
  return { index, world, settings, seed: stream.bits() >>> 1 }
}
