import { type HistoryResult, runHistory, type Violation } from './run-history.ts'
import { newStory, type Reduction, type Story } from './story.ts'
import type { WorldOptions } from './world.ts'
import type { WorldSettings } from './world-settings.ts'

export interface Shrunk {
  readonly violations: readonly Violation[]
  /** Actions and faults that are left, and how many there were. */
  readonly left: readonly string[]
  readonly of: number
  /** The history for a reader. */
  readonly story: readonly string[]
}

/** The outcome of a history; an error that no user has to expect counts as a broken promise. */
export const outcomeOf = async (
  settings: WorldSettings,
  options: WorldOptions,
): Promise<HistoryResult | Pick<HistoryResult, 'violations'>> => {
  try {
    return await runHistory(settings, options)
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return { violations: [{ promise: 'nothing fails but what users must live with', what }] }
  }
}

/** Maximum number of plays of a history while it is shrunk. */
const MAX_PLAYS = 3_000

/**
 * Leaves out of a failing history the actions and faults without which it still breaks the same promise, by delta debugging:
 * larger parts first, then smaller ones, until no single one can be left out. Random numbers are drawn by action and request,
 * so that the other actions and faults stay the same.
 */
export const shrink = async (settings: WorldSettings, options: WorldOptions): Promise<Shrunk | undefined> => {
  const seen = new Set<string>()
  const recording: Reduction = { isLeftOut: (id) => !seen.add(id) }
  const { violations } = await outcomeOf(settings, { ...options, reduction: recording })
  const [broken] = violations
  if (!broken) return undefined
  const only = (kept: ReadonlySet<string>): Reduction => ({ isLeftOut: (id) => !kept.has(id) })
  let plays = 0
  const fails = async (kept: readonly string[]): Promise<boolean> => {
    plays++
    const outcome = await outcomeOf(settings, { ...options, reduction: only(new Set(kept)) })
    return outcome.violations.some(({ promise }) => promise === broken.promise)
  }
  const left = await minimalPart([...seen], fails, () => plays < MAX_PLAYS)
  let now = () => 0
  const story: Story = newStory(() => now())
  const last = await outcomeOf(settings, {
    ...options,
    story,
    reduction: only(new Set(left)),
    onTime: (clock) => {
      now = clock
    },
  })
  return { violations: last.violations, left, of: seen.size, story: story.lines }
}

/** A part of the list that fails, and from which no element can be left out. */
const minimalPart = async (
  all: readonly string[],
  fails: (kept: readonly string[]) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<readonly string[]> => {
  let kept = all
  for (let size = Math.ceil(kept.length / 2); size >= 1 && kept.length > 0; ) {
    let smaller = false
    for (let from = 0; from < kept.length && mayGoOn(); ) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (await fails(without)) {
        kept = without
        smaller = true
      } else from += size
    }
    if (!mayGoOn() || (size === 1 && !smaller)) break
    if (size > 1) size = Math.min(Math.ceil(size / 2), Math.max(1, kept.length))
  }
  return kept
}
