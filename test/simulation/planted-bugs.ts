/**
 * `npm run test:mutants`: plants bugs into the engine, one at a time, and checks that a history of the simulation, among at most
 * 10,000, or a failing suite notices each. A bug in `docs/promises.md` must break the promise in its line there. The run fails on a
 * bug that nothing notices, or whose text the code no longer has. Prints how long each took, and the median number of histories until a
 * bug was noticed.
 * Arguments are words of the names of bugs.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ALL_BUGS } from './all-bugs.ts'
import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'
import { hunt } from './hunt.ts'
import { newCopy, plant, ROOT } from './planted-copy.ts'
import { promisedLines } from './promised-lines.ts'

/** A test that hangs on account of a bug fails after this time. */
const HANGS_AFTER_MS = 30_000

const run = async (
  copy: string,
  suites: readonly string[],
  options: readonly string[] = [],
): Promise<{ passed: boolean; output: string }> => {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--bail=1', '--reporter=agent', ...options, ...suites], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOLDFAST_SIMULATIONS: '1', NO_COLOR: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { passed: code === 0, output }
}

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

const tryBug = async (copy: string, bug: PlantedBug): Promise<Verdict> => {
  const undo = await plant(copy, bug)
  if (!undo) return { kind: 'DOES NOT FIT', how: '' }
  try {
    const promises = promisesOf(bug)
    const others = promises.length > 0 ? [] : bug.suites.filter((suite) => suite !== SIMULATION_SUITE)
    if (bug.suites.includes(SIMULATION_SUITE)) {
      const verdict = await huntFor(bug, promises, others.length > 0 ? HUNTED_BEFORE_SUITES : undefined)
      if (verdict) return verdict
    }
    const isNoticed = others.length > 0 && !(await run(copy, others, [`--testTimeout=${HANGS_AFTER_MS}`])).passed
    return isNoticed ? { kind: 'noticed', how: 'a suite' } : { kind: 'NOT NOTICED', how: '' }
  } finally {
    await undo()
  }
}

const medianOf = (numbers: readonly number[]): number | undefined =>
  [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]

const main = async (): Promise<boolean> => {
  const chosen = ALL_BUGS.filter(({ name }) => process.argv.slice(2).every((word) => name.includes(word)))
  const left = [...chosen]
  const verdicts: Verdict[] = []
  const work = async (): Promise<void> => {
    const copy = await newCopy()
    try {
      for (let bug = left.shift(); bug; bug = left.shift()) {
        const startedAt = Date.now()
        const verdict = await tryBug(copy, bug)
        verdicts.push(verdict)
        const seconds = Math.round((Date.now() - startedAt) / 1_000)
        console.log(`${verdict.kind.padEnd(13)}${bug.name}${verdict.how && ` (${verdict.how})`}, ${seconds} s`)
      }
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  }
  const suites = [...new Set(chosen.flatMap((bug) => bug.suites))]
  const sound = await newCopy()
  const { passed, output } = await run(sound, suites)
  await rm(sound, { recursive: true, force: true })
  if (!passed) {
    console.error(`${output}\nThe suites fail without any bug planted: that comes first.`)
    return false
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
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
