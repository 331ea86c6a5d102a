/**
 * `npm run test:mutants`: plants bugs into a copy of the engine, one at a time, and checks that a suite fails with each. A
 * bug that no suite notices, or whose text is not in the code any more, fails the run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { BUGS, type PlantedBug } from './bugs.ts'
import { GROUP_BUGS } from './fifo-bugs.ts'
import { HINT_BUGS } from './hint-bugs.ts'
import { newCopy, plant, ROOT } from './planted-copy.ts'
import { RESULT_BUGS } from './result-bugs.ts'
import { TRANSACTION_BUGS } from './transaction-bugs.ts'
import { TRIGGER_BUGS } from './trigger-bugs.ts'

const run = async (
  copy: string,
  suites: readonly string[],
  worlds = '',
): Promise<{ passed: boolean; output: string }> => {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--bail=1', '--reporter=agent', ...suites], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOLDFAST_SIMULATIONS: '6', HOLDFAST_WORLDS: worlds, NO_COLOR: '1' },
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
  const undo = await plant(copy, bug)
  if (!undo) return 'DOES NOT FIT'
  try {
    return (await run(copy, bug.suites, bug.worlds)).passed ? 'NOT NOTICED' : 'noticed'
  } finally {
    await undo()
  }
}

const main = async (): Promise<boolean> => {
  const chosen = [...BUGS, ...GROUP_BUGS, ...HINT_BUGS, ...RESULT_BUGS, ...TRIGGER_BUGS, ...TRANSACTION_BUGS].filter(
    ({ name }) => process.argv.slice(2).every((word) => name.includes(word)),
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
