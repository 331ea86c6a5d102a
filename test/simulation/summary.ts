import { neverReached, SECTIONS } from './coverage.ts'
import { pairsMet } from './features.ts'
import type { Failure, SimulationResult } from './pool.ts'

/** The outcome of a simulation, for a reader. */
export const summaryOf = (
  { histories, trace, operations, seconds, coverage, failures }: SimulationResult,
  { seed, jobs }: { seed: number; jobs: number },
): string => {
  // There are hundreds of pairs: the summary has only their number, and those that never met.
  const listed = SECTIONS.filter((section) => section !== 'together')
  const pairs = pairsMet(coverage.together)
  const covered = listed.flatMap((section) => [
    '',
    `${section}:`,
    ...Object.entries(coverage[section])
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${String(count).padStart(12)}  ${name}`),
  ])
  const missing = neverReached(coverage)
  return [
    ...covered,
    '',
    'never reached:',
    ...(missing.length > 0
      ? missing.map((name) => `              ${name}`)
      : ['              nothing of what is expected']),
    '',
    `together in one history: ${pairs.met} of ${pairs.of} pairs of features; never:`,
    ...shortened(pairs.never, MAX_PAIRS).map((pair) => `              ${pair}`),
    '',
    `${histories} histories of seed ${seed} in ${seconds.toFixed(1)} s with ${jobs} jobs: ` +
      `${(histories / seconds).toFixed(1)} histories and ${Math.round(operations / seconds)} store operations a second`,
    `trace ${trace}`,
    failures.length === 0 ? 'every promise was kept' : `PROMISES BROKEN in ${failures.length} histories`,
  ].join('\n')
}

const MAX_PAIRS = 30

const shortened = (lines: readonly string[], max: number): string[] => [
  ...lines.slice(0, max),
  ...(lines.length > max ? [`… and ${lines.length - max} more`] : []),
]

/** Maximum number of lines of a printed story. */
const MAX_LINES = 200

export const failureText = (
  { index, world, violations, shrunk }: Failure,
  { seed, world: worlds }: { seed: number; world: string },
): string =>
  [
    '',
    `history ${index}, in the world "${world}":`,
    ...violations.slice(0, 5).map(({ promise, what }) => `  ${promise}: ${what}`),
    ...(shrunk
      ? [
          '',
          `shrunk to ${shrunk.left.length} of ${shrunk.of} actions and faults: ${shrunk.left.join(', ')}`,
          '',
          ...shortened(shrunk.story, MAX_LINES),
        ]
      : []),
    '',
    `again: npm run simulate -- --seed ${seed} --history ${index}${worlds ? ` --world ${JSON.stringify(worlds)}` : ''}`,
  ].join('\n')
