/**
 * `npm run test:mutants`: plants bugs into a copy of the engine, one at a time, and sees to it that the suites notice
 * each. A bug that goes unnoticed, or no longer fits the code it is to be planted in, fails the run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUGS, type PlantedBug } from './bugs.ts'
import { GROUP_BUGS } from './fifo-bugs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = [
  'lib',
  'test/support',
  'test/lib',
  'test/simulation',
  'vitest.config.ts',
  'package.json',
  'tsconfig.json',
]

/** A copy of what the suites need, to be spoiled. */
const newCopy = async (): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), 'holdfast-planted-'))
  for (const path of COPIED) await cp(join(root, path), join(copy, path), { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

const run = async (copy: string, suites: readonly string[]): Promise<{ passed: boolean; output: string }> => {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--bail=1', '--reporter=agent', ...suites], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOLDFAST_SIMULATIONS: '6', NO_COLOR: '1' },
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

type Verdict = 'noticed' | 'NOT NOTICED' | 'DOES NOT FIT'

const tryBug = async (copy: string, bug: PlantedBug): Promise<Verdict> => {
  const file = join(copy, bug.file)
  const source = await readFile(file, 'utf8')
  if (source.split(bug.replace).length !== 2) return 'DOES NOT FIT'
  await writeFile(
    file,
    source.replace(bug.replace, () => bug.by),
  )
  try {
    return (await run(copy, bug.suites)).passed ? 'NOT NOTICED' : 'noticed'
  } finally {
    await writeFile(file, source)
  }
}

const main = async (): Promise<boolean> => {
  const chosen = [...BUGS, ...GROUP_BUGS].filter(({ name }) =>
    process.argv.slice(2).every((word) => name.includes(word)),
  )
  const left = [...chosen]
  const verdicts: Verdict[] = []
  const work = async (): Promise<void> => {
    const copy = await newCopy()
    try {
      for (let bug = left.shift(); bug; bug = left.shift()) {
        const verdict = await tryBug(copy, bug)
        verdicts.push(verdict)
        console.log(`${verdict.padEnd(13)}${bug.name}`)
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
  const noticed = verdicts.filter((verdict) => verdict === 'noticed').length
  console.log(`${noticed} of ${chosen.length} planted bugs noticed`)
  return noticed === chosen.length
}

process.exitCode = (await main()) ? 0 : 1
