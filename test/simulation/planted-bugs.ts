/**
 * `npm run test:mutants`: plants bugs into the engine, one at a time, and checks that a history of the simulation, among at most
 * 10,000, or a failing suite notices each. A bug in `docs/promises.md` must break the promise in its line there. The run fails on a
 * bug that nothing notices, or whose text the code no longer has. Prints how long each took, and the median number of histories until a
 * bug was noticed.
 * Arguments are words of the names of bugs. The suites must pass without a bug, and are run so first; `--passed` says that they do, as
 * where `npm test` has just passed.
 */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { ALL_BUGS } from './all-bugs.ts'
import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'
import { hunt } from './hunt.ts'
import { newCopy, plant } from './planted-copy.ts'
import { promisedLines } from './promised-lines.ts'
import { newSuites, type Suites } from './suites.ts'

type Verdict =
  | { readonly kind: 'noticed'; readonly histories?: number; readonly how: string }
  | { readonly kind: 'NOT NOTICED' | 'DOES NOT FIT'; readonly how: '' }

/** The promises of the simulator that `docs/promises.md` has a bug break. */
const promisesOf = ({ name }: PlantedBug): string[] => [
  ...new Set(promisedLines().flatMap(({ history, bug }) => (bug === name && history !== undefined ? [history] : []))),
]

/** Histories that hunt a bug before a suite is run that notices it too: one more history takes longer than most suites. */
const HUNTED_BEFORE_SUITES = 100

/** Plays histories until the bug has broken each of the promises, or any promise when none is named. */
const huntFor = async (
  bug: PlantedBug,
  promises: readonly string[],
  most: number | undefined,
): Promise<Verdict | undefined> => {
  const found = []
  for (const promise of promises.length > 0 ? promises : [undefined]) {
    const one = await hunt(bug, { promise, ...(most !== undefined && { most }) })
    if (!one) return undefined
    found.push(one)
  }
  const how = found.map(({ histories, promise }) => `history ${histories}: ${promise}`).join('; ')
  return { kind: 'noticed', histories: Math.max(...found.map(({ histories }) => histories)), how }
}

const tryBug = async (copy: string, runs: Suites, bug: PlantedBug): Promise<Verdict> => {
  const undo = await plant(copy, bug)
  if (!undo) return { kind: 'DOES NOT FIT', how: '' }
  try {
    const promises = promisesOf(bug)
    const others = promises.length > 0 ? [] : bug.suites.filter((suite) => suite !== SIMULATION_SUITE)
    if (bug.suites.includes(SIMULATION_SUITE)) {
      const verdict = await huntFor(bug, promises, others.length > 0 ? HUNTED_BEFORE_SUITES : undefined)
      if (verdict) return verdict
    }
    const [failure] = others.length > 0 ? await runs.failures(others, bug.file) : []
    return failure === undefined ? { kind: 'NOT NOTICED', how: '' } : { kind: 'noticed', how: failure }
  } finally {
    await undo()
  }
}

const medianOf = (numbers: readonly number[]): number | undefined =>
  [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]

const main = async (): Promise<boolean> => {
  const { positionals: words, values } = parseArgs({ allowPositionals: true, options: { passed: { type: 'boolean' } } })
  const chosen = ALL_BUGS.filter(({ name }) => words.every((word) => name.includes(word)))
  const left = [...chosen]
  const verdicts: Verdict[] = []
  const suites = values.passed ? [] : [...new Set(chosen.flatMap((bug) => bug.suites))]
  const jobs = Math.min(2, availableParallelism())
  const work = async (job: number): Promise<readonly string[]> => {
    const copy = await newCopy()
    const runs = await newSuites(copy)
    try {
      const unsound = await runs.failures(suites.filter((_, at) => at % jobs === job))
      if (unsound.length > 0) {
        left.length = 0
        return unsound
      }
      for (let bug = left.shift(); bug; bug = left.shift()) {
        const startedAt = Date.now()
        const verdict = await tryBug(copy, runs, bug)
        verdicts.push(verdict)
        const seconds = Math.round((Date.now() - startedAt) / 1_000)
        console.log(`${verdict.kind.padEnd(13)}${bug.name}${verdict.how && ` (${verdict.how})`}, ${seconds} s`)
      }
      return []
    } finally {
      await runs.close()
      await rm(copy, { recursive: true, force: true })
    }
  }
  const unsound = (await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)))).flat()
  if (unsound.length > 0) {
    console.error(`${unsound.join('\n')}\nThe suites fail without any bug planted: that comes first.`)
    return false
  }
  const noticed = verdicts.filter(({ kind }) => kind === 'noticed')
  const hunted = noticed.flatMap(({ kind, ...one }) => ('histories' in one ? [one.histories ?? 0] : []))
  console.log(`${noticed.length} of ${chosen.length} planted bugs noticed`)
  if (hunted.length > 0) {
    const most = Math.max(...hunted)
    console.log(
      `${hunted.length} by simulated histories: the median of them by the ${medianOf(hunted)}th, the last by the ${most}th`,
    )
  }
  return noticed.length === chosen.length
}

process.exitCode = (await main()) ? 0 : 1
