/**
 * A process that plays simulated histories and writes them to standard output for the checker: the header of a history, its
 * operations, and an empty line. Its arguments are the seed, the first history, the one after the last, and words of worlds.
 */
import { JUMP_MS } from '../simulation/faults.ts'
import { newOperationLog, type Operation } from '../simulation/operations.ts'
import { planHistory } from '../simulation/plan.ts'
import { outcomeOf } from '../simulation/shrink.ts'
import type { WorldSettings } from '../simulation/world-settings.ts'
import { WORLDS } from '../simulation/worlds.ts'
import type { HistoryHeader } from './header.ts'

/** Worlds without triggers, since the log does not have a dispatcher's requests, and without undos, which the specification does not have. */
const playable = (words: string): string[] =>
  Object.entries(WORLDS as Readonly<Record<string, WorldSettings>>).flatMap(([name, { trigger, cast }]) =>
    name.includes(words) && trigger === undefined && !cast.undoers ? [name] : [],
  )

/** Numbers of a group still rise after it was empty where clocks differ by less than this. */
const NUMBERS_RISE_MS = 2_000

const headerOf = (settings: WorldSettings): Omit<HistoryHeader, 'history' | 'world' | 'endAt' | 'ownVerdict'> => {
  const { kind, clocksOffByMs = 0, faults = {}, cast, groups, abandons } = settings
  return {
    model: kind,
    // On FIFO queues only the clocks of publishers are off, and no rule of the checker depends on them.
    skewMs: kind === 'fifo' ? 0 : clocksOffByMs,
    jumpMs: faults['clock jumps'] ? 2 * JUMP_MS : 0,
    // An abandoned poll leases messages for a moment, and gives them back.
    hidden: abandons !== undefined || Object.keys(faults).length > 0,
    maxReceives: settings.settings?.deadLetter?.maxReceives ?? 0,
    redrives: (cast.redrivers ?? 0) > 0,
    grouped: kind === 'standard' && groups !== undefined,
    numbersRise: clocksOffByMs < NUMBERS_RISE_MS,
  }
}

const play = async (seed: number, index: number, words: string): Promise<void> => {
  const { world, settings, seed: own } = planHistory(seed, index, words)
  let operations: readonly Operation[] = []
  let now = () => 0
  const { violations } = await outcomeOf(settings, {
    seed: own,
    logOn: (clock) => {
      const log = newOperationLog(clock)
      operations = log.operations
      now = clock
      return log
    },
  })
  const header: HistoryHeader = {
    history: index,
    world,
    endAt: now(),
    ...headerOf(settings),
    ownVerdict: violations.map(({ promise }) => promise),
  }
  const lines = [header, ...operations].map((line) => JSON.stringify(line))
  await new Promise((resolve) => process.stdout.write(`${lines.join('\n')}\n\n`, resolve))
}

const [seed = '1', from = '0', to = '1', words = ''] = process.argv.slice(2)
const worlds = playable(words)
if (worlds.length === 0) throw new Error(`no world's name holds ${JSON.stringify(words)}, triggers and undos excepted`)
for (let index = Number(from); index < Number(to); index++) {
  await play(Number(seed), index, worlds[index % worlds.length] as string)
}
