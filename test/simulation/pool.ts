import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { addCounts, type CoverageCounts, noCounts } from './coverage.ts'
import { type PlannedHistory, planHistory } from './plan.ts'
import type { Violation } from './run-history.ts'
import type { Order, PlayedHistory, Report } from './shard.ts'
import type { Shrunk } from './shrink.ts'

export interface SimulationOrder {
  readonly seed: number
  readonly histories: number
  /** The first history to play. @default 0 */
  readonly from?: number
  /** Part of the names of the worlds to play in. @default all */
  readonly worlds?: string
  readonly jobs: number
  /** Called with the number of histories that were played so far. */
  readonly onProgress?: (played: number) => void
  /** Called for each history that broke a promise, right after it was played. */
  readonly onFailure?: (failure: Failure) => void
  /** Ends the simulation early: the result has the histories until then, and shrinks none. */
  readonly signal?: AbortSignal
  /** Maximum number of failing histories to shrink. @default 3 */
  readonly maxShrunk?: number
  /** The Node that plays. @default this one */
  readonly execPath?: string
}

export interface SimulationResult {
  /** How many histories were played: fewer than ordered where the simulation was ended early. */
  readonly histories: number
  /** Hash of the traces of all histories, in their order: the same for the same seed, whatever the machine. */
  readonly trace: string
  readonly operations: number
  readonly seconds: number
  /** CPU time of all workers: a better measure than `seconds` on a machine with other work. */
  readonly cpuSeconds: number
  readonly coverage: CoverageCounts
  readonly failures: readonly Failure[]
}

export interface Failure extends PlannedHistory {
  readonly violations: readonly Violation[]
  readonly shrunk: Shrunk | undefined
}

/** Histories that a worker plays before it reports. */
const CHUNK = 16
/** A history makes much garbage and keeps little: in a large young generation, the collector has little to copy. */
const NODE_FLAGS = ['--max-semi-space-size=64', '--stack-trace-limit=0']

/** Plays histories in worker processes. */
export const runSimulation = async (order: SimulationOrder): Promise<SimulationResult> => {
  const { seed, histories, from = 0, worlds = '', jobs, onProgress, onFailure, signal, maxShrunk = 3 } = order
  planHistory(seed, from, worlds)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-simulation-'))
  const workers: Worker[] = []
  try {
    const entry = await bundled(folder)
    const startedAt = performance.now()
    for (let job = 0; job < Math.max(1, Math.min(jobs, Math.ceil(histories / CHUNK))); job++) {
      workers.push(newWorker(entry, order.execPath))
    }
    const played: PlayedHistory[] = []
    const coverage = noCounts()
    let next = 0
    let done = 0
    let cpuSeconds = 0
    const work = async (worker: Worker): Promise<void> => {
      while (next < histories && !signal?.aborted) {
        const start = next
        next = Math.min(histories, start + CHUNK)
        const report = await worker.ask({ kind: 'play', seed, worlds, from: from + start, to: from + next })
        if (report.kind !== 'played') throw new Error('a worker did something else than it was asked')
        for (const [at, history] of report.histories.entries()) {
          played[start + at] = history
          const { violations } = history
          const index = from + start + at
          if (violations.length > 0) onFailure?.({ ...planHistory(seed, index, worlds), violations, shrunk: undefined })
        }
        addCounts(coverage, report.coverage)
        cpuSeconds += report.cpuSeconds
        done += report.histories.length
        onProgress?.(done)
      }
    }
    await Promise.all(workers.map(work))
    const seconds = (performance.now() - startedAt) / 1_000
    const failed = played.flatMap(({ violations }, at) =>
      violations.length > 0 ? [{ index: from + at, violations }] : [],
    )
    const failures: Failure[] = []
    for (const { index, violations } of failed) {
      const isShrunk = failures.length < maxShrunk && !signal?.aborted
      const shrunk = isShrunk ? await shrunkBy(workers[0] as Worker, seed, worlds, index) : undefined
      failures.push({ ...planHistory(seed, index, worlds), violations, shrunk })
    }
    const hash = createHash('sha256')
    for (const { trace } of played) hash.update(trace)
    const operations = played.reduce((sum, one) => sum + one.operations, 0)
    return {
      histories: played.length,
      trace: hash.digest('hex').slice(0, 32),
      operations,
      seconds,
      cpuSeconds,
      coverage,
      failures,
    }
  } finally {
    for (const worker of workers) worker.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const shrunkBy = async (worker: Worker, seed: number, worlds: string, index: number): Promise<Shrunk | undefined> => {
  const report = await worker.ask({ kind: 'shrink', seed, worlds, index })
  return report.kind === 'shrunk' ? report.shrunk : undefined
}

/**
 * Bundles one file, which starts at once and runs without a loader's wrappers around each function.
 *
 * @param plugins change the sources
 * @param entry the module that the file runs. @default a worker of a simulation
 */
export const bundled = async (
  folder: string,
  plugins: Plugin[] = [],
  entry = join(import.meta.dirname, 'shard.ts'),
): Promise<string> => {
  const outfile = join(folder, 'shard.mjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    plugins,
  })
  return outfile
}

export interface Worker {
  ask(order: Order): Promise<Report>
  stop(): void
}

export const newWorker = (entry: string, execPath = process.execPath): Worker => {
  const child: ChildProcess = fork(entry, { execPath, execArgv: NODE_FLAGS })
  return {
    ask: (order) =>
      new Promise((resolve, reject) => {
        const onExit = () => reject(new Error('a worker ended before it answered'))
        child.once('exit', onExit)
        child.once('message', (report) => {
          child.off('exit', onExit)
          resolve(report as Report)
        })
        child.send(order)
      }),
    // The worker ignores the signals that end a simulation with a summary.
    stop: () => void child.kill('SIGKILL'),
  }
}
