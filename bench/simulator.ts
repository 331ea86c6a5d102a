/**
 * `npm run bench:simulator` compares the simulator with its predecessor (each event a turn of the event loop, one process,
 * histories judged in quadratic time). Both play the same casts with the same faults, in turns. The benchmark prints store
 * operations and histories for each second of CPU time, and the CPU time until each planted bug is found. CPU time, unlike
 * elapsed time, does not count the other work of the machine.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { BUGS, type PlantedBug } from '../test/simulation/bugs.ts'
import { GROUP_BUGS } from '../test/simulation/fifo-bugs.ts'
import { newCopy, plant } from '../test/simulation/planted-copy.ts'
import { runSimulation } from '../test/simulation/pool.ts'

const ROOT = join(import.meta.dirname, '..')
/** The last commit with the predecessor. */
const BEFORE = '3944a61'
const ROUNDS = 3
const HISTORIES_BEFORE = 40
const HISTORIES = 200
const HUNTS = [1, 2, 3]
/** A bug that this many histories do not find counts as found in the last of them. */
const MAX_HUNTED = 300
const NODE_FLAGS = ['--max-semi-space-size=64', '--stack-trace-limit=0']

const KINDS = {
  standard: 'standard: there are shards and priorities',
  fifo: 'fifo: requests fail and processes are killed',
}

/** Planted bugs that both simulators hunt, with the predecessor's name where it differs. */
const SHARED: Readonly<Record<string, string>> = {
  'the claim of a whole segment has no condition': '',
  'the claim of a part has no condition on its messages': '',
  'a lease counts as over a second early': '',
  'the first try of an ack does not ask for its token': '',
  'an ack of a part deletes the whole segment': '',
  'an outdated ack is answered with success': '',
  'dead letters are moved whatever happened to them since': '',
  'a message is received once more than its maximum': '',
  "a group's head is claimed whatever happened to it since": '',
  'a message that backs off is overtaken by those behind it': 'a message that rests is overtaken by those behind it',
  'a ticket goes at once, and its numbers start anew': '',
  'a lease cut short leaves its group locked': 'a lease cut short leaves its group busy',
  'numbers are given twice': '',
  'a deduplication id is taken whoever has it': '',
}

/** Runs in the tree of the predecessor: its runners unchanged, with a count of the requests. */
const RUNNER_BEFORE = `
import { simulate } from './test/simulation/simulate.ts'
import { GROUP_CAST, simulateGroups } from './test/simulation/fifo-simulate.ts'
import { NO_FAULTS, SOME_FAULTS } from './test/simulation/world.ts'
const [task, kind, count, from] = process.argv.slice(2)
const cast = { publishers: 2, consumers: 4, operators: 1, ms: 15_000 }
const dead = (queue, maxReceives) => ({ deadLetter: { queue, maxReceives } })
const standard = [
  { faults: NO_FAULTS }, { faults: SOME_FAULTS }, { faults: SOME_FAULTS, clocksDifferMs: 300 },
  { faults: SOME_FAULTS, settings: { shards: 3, priorities: 2 } },
  { settings: dead('orders-dead', 2) }, { faults: SOME_FAULTS, settings: dead('orders-dead', 3) },
].map((settings) => (seed) => simulate({ ...settings, seed }, cast))
const fifo = [
  ...[
    { faults: NO_FAULTS }, { faults: NO_FAULTS, publishersOffByMs: 1_500 },
    { faults: SOME_FAULTS, publishersOffByMs: 120_000 }, { faults: SOME_FAULTS, publishersOffByMs: 500 },
    { faults: { ...SOME_FAULTS, crashed: 0.02 } }, { faults: { ...NO_FAULTS, stale: 0.8 }, publishersOffByMs: 300 },
    { faults: SOME_FAULTS, publishersOffByMs: 1_000, settings: dead('orders-dead.fifo', 2) },
  ].map((settings) => (seed) => simulateGroups({ ...settings, seed }, GROUP_CAST)),
  (seed) => simulateGroups({ seed, faults: NO_FAULTS, leaseSeconds: [600, 600], diligent: true },
    { ...GROUP_CAST, cancellers: 0, drainMs: 20_000 }),
]
const worlds = kind === 'fifo' ? fifo : standard
const play = task === 'hunt' ? (n) => worlds[n % worlds.length](n + 1) : (n) => worlds[3](n + 1)
globalThis.simulatedOperations = 0
const before = process.cpuUsage()
let histories = 0
for (; histories < Number(count); ) {
  const broken = await play(Number(from) + histories++).catch(() => ['failed'])
  if (task === 'hunt' && broken.length > 0) break
}
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ operations: globalThis.simulatedOperations, histories, cpuSeconds: (user + system) / 1e6 }))
`

/** The same hunt in a copy of this tree. */
const HUNTER = `
import { planHistory } from './test/simulation/plan.ts'
import { outcomeOf } from './test/simulation/shrink.ts'
const [, kind, count, seed] = process.argv.slice(2)
const before = process.cpuUsage()
let histories = 0
for (; histories < Number(count); ) {
  const { settings, seed: own } = planHistory(Number(seed), histories++, kind)
  if ((await outcomeOf(settings, { seed: own })).violations.length > 0) break
}
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ operations: 0, histories, cpuSeconds: (user + system) / 1e6 }))
`

interface Figure {
  readonly operations: number
  readonly histories: number
  readonly cpuSeconds: number
}

const sumOf = (figures: readonly Figure[], what: keyof Figure): number =>
  figures.reduce((sum, figure) => sum + figure[what], 0)

const checkOut = (home: string): string => {
  const tree = join(home, 'tree')
  execFileSync('git', ['worktree', 'add', '--detach', tree, BEFORE], { cwd: ROOT, stdio: 'ignore' })
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const counted = join(tree, 'test/support/faulty-store.ts')
  const source = readFileSync(counted, 'utf8')
  const at = 'const fate = crashed'
  if (source.split(at).length !== 2) throw new Error('the requests of before cannot be counted')
  writeFileSync(counted, source.replace(at, `;(globalThis as any).simulatedOperations++\n    ${at}`))
  return tree
}

/** Bundles a runner in a tree, and runs it in a process of its own. */
const run = (tree: string, runner: string, args: readonly (string | number)[]): Figure => {
  const outfile = join(tree, 'runner.mjs')
  buildSync({
    stdin: { contents: runner, resolveDir: tree, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['@aws-sdk/*'],
    logLevel: 'error',
  })
  const text = execFileSync(process.execPath, [...NODE_FLAGS, outfile, ...args.map(String)], { encoding: 'utf8' })
  return JSON.parse(text) as Figure
}

const measureRates = async (tree: string): Promise<void> => {
  const jobs = availableParallelism()
  for (const [kind, worlds] of Object.entries(KINDS)) {
    const figures: { before: Figure[]; one: Figure[]; all: Figure[] } = { before: [], one: [], all: [] }
    let seconds = 0
    for (let round = 0; round < ROUNDS; round++) {
      figures.before.push(run(tree, RUNNER_BEFORE, ['rate', kind, HISTORIES_BEFORE, 0]))
      const one = await runSimulation({ seed: 1, histories: HISTORIES, worlds, jobs: 1 })
      figures.one.push({ ...one, histories: HISTORIES })
      const all = await runSimulation({ seed: 1, histories: HISTORIES * jobs, worlds, jobs })
      seconds += all.seconds
      figures.all.push({ ...all, histories: HISTORIES * jobs })
    }
    const rate = (row: readonly Figure[], what: 'operations' | 'histories') =>
      sumOf(row, what) / sumOf(row, 'cpuSeconds')
    const { before, one, all } = figures
    for (const what of ['operations', 'histories'] as const) {
      console.log(
        `${kind.padEnd(9)} ${what} for each CPU second: before ${rate(before, what).toFixed(1)}` +
          ` · one job ${rate(one, what).toFixed(1)} (${(rate(one, what) / rate(before, what)).toFixed(1)}×)` +
          ` · ${jobs} jobs ${rate(all, what).toFixed(1)}, ${(sumOf(all, what) / seconds).toFixed(1)} for each elapsed second`,
      )
    }
  }
}

const hunt = async (tree: string): Promise<void> => {
  const bugsBefore = await bugsIn(tree)
  const copy = await newCopy()
  let [before, now, found] = [0, 0, 0]
  try {
    for (const [name, other] of Object.entries(SHARED)) {
      const bug = [...BUGS, ...GROUP_BUGS].find((one) => one.name === name)
      const bugBefore = bugsBefore.find((one) => one.name === (other || name))
      if (!bug || !bugBefore) throw new Error(`not planted in both: ${name}`)
      const kind = bug.worlds ?? 'standard'
      const there = await cpuUntilFound(tree, bugBefore, (seed) =>
        run(tree, RUNNER_BEFORE, ['hunt', kind, MAX_HUNTED, 1_000 * seed]),
      )
      const here = await cpuUntilFound(copy, bug, (seed) => run(copy, HUNTER, ['hunt', kind, MAX_HUNTED, seed]))
      before += there.cpuSeconds
      now += here.cpuSeconds
      found += HUNTS.length
      console.log(
        `${there.cpuSeconds.toFixed(1).padStart(7)} s before (${there.histories} histories) ` +
          `${here.cpuSeconds.toFixed(1).padStart(7)} s now (${here.histories})  ${name}`,
      )
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  console.log(
    `planted bugs found for each CPU second: before ${(found / before).toFixed(2)} · now ${(found / now).toFixed(2)}` +
      ` (${(before / now).toFixed(1)}×)`,
  )
}

const bugsIn = async (tree: string): Promise<readonly PlantedBug[]> => {
  const standard = (await import(join(tree, 'test/simulation/bugs.ts'))) as { BUGS: readonly PlantedBug[] }
  const groups = (await import(join(tree, 'test/simulation/fifo-bugs.ts'))) as { GROUP_BUGS: readonly PlantedBug[] }
  return [...standard.BUGS, ...groups.GROUP_BUGS]
}

const cpuUntilFound = async (
  tree: string,
  bug: PlantedBug,
  play: (seed: number) => Figure,
): Promise<{ cpuSeconds: number; histories: number }> => {
  const undo = await plant(tree, bug)
  if (!undo) throw new Error(`does not fit: ${bug.name}`)
  try {
    const hunts = HUNTS.map(play)
    return { cpuSeconds: sumOf(hunts, 'cpuSeconds'), histories: sumOf(hunts, 'histories') }
  } finally {
    await undo()
  }
}

const home = mkdtempSync(join(tmpdir(), 'holdfast-simulator-before-'))
try {
  const tree = checkOut(home)
  if (!process.argv.includes('--hunt')) await measureRates(tree)
  if (!process.argv.includes('--rates')) await hunt(tree)
} finally {
  execFileSync('git', ['worktree', 'remove', '--force', join(home, 'tree')], { cwd: ROOT, stdio: 'ignore' })
  rmSync(home, { recursive: true, force: true })
}
