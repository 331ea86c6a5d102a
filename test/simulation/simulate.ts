/** `npm run simulate`: plays any number of histories, and prints the violations of promises. */
import { availableParallelism } from 'node:os'
import { SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import { neverReached } from './coverage.ts'
import { type Failure, runSimulation, type SimulationResult } from './pool.ts'
import { failureText, summaryOf } from './summary.ts'

interface Options {
  readonly histories: number
  readonly seed: number
  readonly jobs: number
  readonly world: string
  readonly history?: number
  readonly json?: boolean
}

const wholeFrom =
  (min: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < min || value > 2 ** 32) {
      throw new InvalidArgumentError(`It must be a whole number from ${min}.`)
    }
    return value
  }

const options = new Command('simulate')
  .description('Plays simulated histories of queues under faults and holds them against the promises.')
  .option('--histories <n>', 'how many to play', wholeFrom(1), 1_000)
  .option('--seed <n>', 'the same seed plays the same histories', wholeFrom(0), Math.floor(Math.random() * 2 ** 31))
  .option('--jobs <n>', 'worker processes', wholeFrom(1), availableParallelism())
  .option('--world <words>', 'only worlds whose names hold these words', '')
  .option('--history <n>', 'only this one of the histories', wholeFrom(0))
  .option('--json', 'one line of JSON on standard output, and nothing else')
  .parse()
  .opts<Options>()

/** Number of histories before the first estimate. */
const ESTIMATED_AFTER = 16

const progress = (total: number) => {
  const startedAt = performance.now()
  if (process.stderr.isTTY) {
    const bar = new SingleBar({
      format: '{bar} {percentage}% · {value} of {total} histories · {eta_formatted} left',
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    })
    bar.start(total, 0)
    return { onProgress: (played: number) => bar.update(played), end: () => bar.stop() }
  }
  let printed = false
  return {
    onProgress: (played: number) => {
      if (printed || played < ESTIMATED_AFTER || played === total) return
      printed = true
      const seconds = (((performance.now() - startedAt) / played) * (total - played)) / 1_000
      console.error(`${total} histories: about ${Math.ceil(seconds)} s more`)
    },
    end: () => {},
  }
}

const jsonOf = ({ histories, trace, operations, seconds, cpuSeconds, coverage, failures }: SimulationResult) => ({
  trace,
  seed: options.seed,
  histories,
  historiesPerSecond: Number((histories / seconds).toFixed(1)),
  operations,
  operationsPerSecond: Math.round(operations / seconds),
  cpuSeconds: Number(cpuSeconds.toFixed(1)),
  jobs: options.jobs,
  violations: failures.reduce((sum, failure) => sum + failure.violations.length, 0),
  failures: failures.map(({ index, world, violations, shrunk }) => ({
    history: index,
    world,
    violations,
    ...(shrunk && { left: shrunk.left, story: shrunk.story }),
  })),
  coverage,
  neverReached: neverReached(coverage),
})

/** A signal within this time counts as the same: terminals and `timeout` signal all processes, and npm and tsx pass signals on. */
const SAME_SIGNAL_MS = 1_000

/** Aborts at Ctrl-C or SIGTERM, so that the summary of what was played is printed. A second, later signal ends the process at once. */
const endedEarly = (): AbortSignal => {
  const ending = new AbortController()
  let firstAt: number | undefined
  const end = () => {
    if (firstAt !== undefined && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(130)
    firstAt ??= performance.now()
    ending.abort()
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, end)
  return ending.signal
}

const main = async (): Promise<number> => {
  const { seed, jobs, world, history, json } = options
  const histories = history === undefined ? options.histories : 1
  const { onProgress, end } = progress(histories)
  const ending = endedEarly()
  const onFailure = (failure: Failure) => console.error(failureText(failure, { seed, world }))
  const order = { seed, histories, from: history ?? 0, worlds: world, jobs }
  const result = await runSimulation({ ...order, onProgress, onFailure, signal: ending })
  end()
  if (json) console.log(JSON.stringify(jsonOf(result)))
  else {
    console.log(summaryOf(result, { seed, jobs }))
    for (const failure of result.failures) console.log(failureText(failure, { seed, world }))
  }
  return result.failures.length > 0 ? 1 : 0
}

process.exitCode = await main()
