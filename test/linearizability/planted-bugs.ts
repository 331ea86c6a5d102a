import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ALL_BUGS } from '../simulation/all-bugs.ts'
import type { PlantedBug } from '../simulation/bugs.ts'
import { GROUP_BUGS } from '../simulation/fifo-bugs.ts'
import { planting } from '../simulation/hunt.ts'
import { NOTICED } from './noticed.ts'
import { bundledPlayer, simulatedVerdicts } from './simulated.ts'

interface BugOrder {
  /** Words of the names of bugs; without any, those that must be noticed. */
  readonly words: string
  readonly seed: number
  /** Maximum number of histories for each bug. */
  readonly histories: number
  readonly jobs: number
}

/** Plants bugs into the engine, one at a time, and checks histories until one violates the model. */
export const plantedBugs = async (checker: string, { words, seed, histories, jobs }: BugOrder): Promise<boolean> => {
  const chosen = ALL_BUGS.filter(({ name }) => (words === '' ? NOTICED.has(name) : name.includes(words)))
  const left = [...chosen]
  let noticed = 0
  let missing = 0
  const work = async (): Promise<void> => {
    for (let bug = left.shift(); bug; bug = left.shift()) {
      const found = await huntFor(checker, bug, seed, histories)
      if (found) noticed++
      else if (NOTICED.has(bug.name)) missing++
      console.log(`${found ? 'noticed    ' : 'NOT NOTICED'}  ${bug.name} (${found ?? `${histories} histories`})`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  console.log(`${noticed} of ${chosen.length} planted bugs noticed by the checker`)
  return missing === 0
}

/** The first history that shows the bug, and the checker's verdict on it. */
const huntFor = async (
  checker: string,
  bug: PlantedBug,
  seed: number,
  histories: number,
): Promise<string | undefined> => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-planted-'))
  try {
    const player = await bundledPlayer(folder, [planting(bug)])
    const worlds = bug.worlds ?? (GROUP_BUGS.includes(bug) ? 'fifo' : '')
    const order = { seed, from: 0, to: histories, worlds }
    for await (const { history, violations } of simulatedVerdicts({ player, checker }, order)) {
      const [first] = violations
      if (first) return `history ${history + 1}: ${first.stuck.at(-1)}`
    }
    return undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
