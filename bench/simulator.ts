/**
 * `npm run bench:simulator`: simulated store operations a second, beside the simulator as it was before it had a
 * scheduler of its own (each event a turn of the event loop, one process, judged at the end in quadratic time). Both play
 * the same casts with the same faults in turns, in one run, so that what else the machine does befalls both.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runSimulation } from '../test/simulation/pool.ts'

const ROOT = join(import.meta.dirname, '..')
/** The last commit with the simulator of before. */
const BEFORE = '3944a61'
const ROUNDS = 3
const HISTORIES_BEFORE = 20
const HISTORIES = 150

const KINDS = {
  standard: 'standard: there are shards and priorities',
  fifo: 'fifo: requests fail and processes are killed',
}

/** Runs in the tree of before; its runner as it was, with a count of the requests. */
const MEASURE = `
import { simulate } from './test/simulation/simulate.ts'
import { GROUP_CAST, simulateGroups } from './test/simulation/fifo-simulate.ts'
import { SOME_FAULTS } from './test/simulation/world.ts'
const [kind, histories] = process.argv.slice(2)
const cast = { publishers: 2, consumers: 4, operators: 1, ms: 15_000 }
globalThis.simulatedOperations = 0
const startedAt = performance.now()
for (let seed = 1; seed <= Number(histories); seed++) {
  if (kind === 'fifo') await simulateGroups({ seed, faults: SOME_FAULTS, publishersOffByMs: 500 }, GROUP_CAST)
  else await simulate({ seed, faults: SOME_FAULTS, settings: { shards: 3, priorities: 2 } }, cast)
}
console.log(JSON.stringify({ operations: globalThis.simulatedOperations, seconds: (performance.now() - startedAt) / 1_000 }))
`

interface Figure {
  readonly operations: number
  readonly seconds: number
}

const rateOf = (figures: readonly Figure[]): number =>
  figures.reduce((sum, { operations }) => sum + operations, 0) / figures.reduce((sum, { seconds }) => sum + seconds, 0)

const checkOut = (): string => {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-simulator-before-'))
  execFileSync('git', ['worktree', 'add', '--detach', join(home, 'tree'), BEFORE], { cwd: ROOT, stdio: 'ignore' })
  const tree = join(home, 'tree')
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const counted = join(tree, 'test/support/faulty-store.ts')
  const source = readFileSync(counted, 'utf8')
  const at = 'const fate = crashed'
  if (source.split(at).length !== 2) throw new Error('the requests of before cannot be counted')
  writeFileSync(counted, source.replace(at, `;(globalThis as any).simulatedOperations++\n    ${at}`))
  writeFileSync(join(tree, 'measure.ts'), MEASURE)
  return tree
}

const before = (tree: string, kind: string): Figure => {
  const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
  const args = [tsx, 'measure.ts', kind, String(HISTORIES_BEFORE)]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: tree, encoding: 'utf8' })) as Figure
}

const now = (world: string, jobs: number): Promise<Figure> =>
  runSimulation({ seed: 1, histories: HISTORIES * jobs, worlds: world, jobs })

const tree = checkOut()
try {
  const jobs = availableParallelism()
  for (const [kind, world] of Object.entries(KINDS)) {
    const figures: { before: Figure[]; one: Figure[]; all: Figure[] } = { before: [], one: [], all: [] }
    for (let round = 0; round < ROUNDS; round++) {
      figures.before.push(before(tree, kind))
      figures.one.push(await now(world, 1))
      figures.all.push(await now(world, jobs))
    }
    const [old, one, all] = [rateOf(figures.before), rateOf(figures.one), rateOf(figures.all)]
    console.log(
      `${kind.padEnd(9)} before ${Math.round(old)} operations/s · one job ${Math.round(one)} (${(one / old).toFixed(1)}×)` +
        ` · ${jobs} jobs ${Math.round(all)} (${(all / old).toFixed(1)}×)`,
    )
  }
} finally {
  execFileSync('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT, stdio: 'ignore' })
  rmSync(join(tree, '..'), { recursive: true, force: true })
}
