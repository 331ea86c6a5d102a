/**
 * `npm run test:linearizability`: gives simulated histories, and histories of a running server, to a checker that shares no code with
 * the engine. Needs Go, which builds the checker; without Go the script prints that and does nothing. With `--bugs` the script plants
 * bugs into the engine, and fails unless the checker notices them.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Command, InvalidArgumentError } from 'commander'
import { buildChecker, hasGo, type Verdict, verdictsOn } from './checker.ts'
import { plantedBugs } from './planted-bugs.ts'
import { SERVERS, serverHistories } from './server.ts'
import { bundledPlayer, simulatedVerdicts } from './simulated.ts'
import { newTally } from './tally.ts'

const whole = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number from 0.')
  return value
}

interface Options {
  readonly histories: number
  readonly seed: number
  readonly jobs: number
  readonly world: string
  readonly history?: number
  readonly bugs?: string | true
  readonly server: boolean
}

const options = new Command('test:linearizability')
  .description('Gives histories of queues to an independent checker of linearizability.')
  .option('--histories <n>', 'simulated histories; with --bugs, at most so many for each bug', whole, 250)
  .option('--seed <n>', 'the same seed plays the same histories', whole, Math.floor(Math.random() * 2 ** 31))
  .option('--jobs <n>', 'processes that play histories', whole, availableParallelism())
  .option('--world <words>', 'only worlds whose names hold these words', '')
  .option('--history <n>', 'only this one of the histories', whole)
  .option('--no-server', 'no histories of running servers, which take two minutes')
  .option('--bugs [words]', 'plants bugs: those that must be noticed, or those whose names hold these words')
  .parse()
  .opts<Options>()

/** Checks simulated histories, in several processes at once. */
const checkSimulated = async (
  programs: { readonly player: string; readonly checker: string },
  pictures: string,
  onVerdict: (verdict: Verdict) => void,
): Promise<void> => {
  const { seed, histories, history, world: worlds } = options
  const [first, last] = history === undefined ? [0, histories] : [history, history + 1]
  const jobs = Math.max(1, Math.min(options.jobs, last - first))
  const each = Math.ceil((last - first) / jobs)
  const work = async (job: number): Promise<void> => {
    const from = first + job * each
    const order = { seed, from, to: Math.min(last, from + each), worlds, pictures }
    for await (const verdict of simulatedVerdicts(programs, order)) onVerdict(verdict)
  }
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)))
}

/** Checks histories of running servers, one after the other. */
const checkServers = async (
  checker: string,
  pictures: string,
  onVerdict: (verdict: Verdict) => void,
): Promise<void> => {
  for (const order of SERVERS) {
    for (const history of await serverHistories(order)) {
      for await (const verdict of verdictsOn(checker, Readable.from([history]), { pictures })) {
        onVerdict({ ...verdict, model: `${verdict.model}, ${order.name}` })
      }
    }
  }
}

const main = async (): Promise<boolean> => {
  if (!hasGo()) {
    console.log('not run, since go is not installed: the checker of linearizability is a Go program')
    return true
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-linearizability-'))
  const { seed, bugs, histories, jobs } = options
  const tally = newTally(seed)
  try {
    const checker = buildChecker(folder)
    if (bugs !== undefined)
      return await plantedBugs(checker, { words: bugs === true ? '' : bugs, seed, histories, jobs })
    const player = await bundledPlayer(folder)
    await checkSimulated({ player, checker }, folder, tally.add)
    if (options.server) await checkServers(checker, folder, tally.add)
    for (const line of tally.lines()) console.log(line)
    return tally.isSound()
  } finally {
    // A folder with pictures of violations stays, for the reader of the report.
    if (tally.isSound()) await rm(folder, { recursive: true, force: true })
  }
}

process.exitCode = (await main()) ? 0 : 1
