import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'
import { until } from '../functions/local/server-process.ts'

const PROJECT = join(import.meta.dirname, '../..')

/** A handler's run, as its process wrote it down. */
interface Run {
  readonly body: number
  readonly receiveCount: number
}

export interface WorkerProcess {
  /** Lets it consume. */
  go(): void
  /** What its handlers began. */
  started(): Run[]
  /** What they finished: their effects. */
  done(): Run[]
  errors(): string[]
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and waits for the end; answers exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | string>
}

/** Starts consumers of one queue, each in a process of its own. All end with the test at the latest. */
export const workerProcesses = async (url: string, queue: string): Promise<() => Promise<WorkerProcess>> => {
  // Below node_modules, where the bundle finds the packages that it does not hold.
  const folder = mkdtempSync(join(PROJECT, 'node_modules/.workers-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'worker.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'worker-process.ts')],
    outfile: program,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  })
  let count = 0
  return async () => {
    const log = join(folder, `${++count}.log`)
    const child = spawn(process.execPath, [program, url, queue, log], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exited
    })
    const lines = (kind: string): string[] => {
      if (!existsSync(log)) return []
      // A process that was killed may have left half a line.
      const whole = readFileSync(log, 'utf8').split('\n').slice(0, -1)
      return whole.filter((line) => line.startsWith(kind)).map((line) => line.slice(kind.length + 1))
    }
    const runs = (kind: string): Run[] =>
      lines(kind).map((line) => {
        const [body, receiveCount] = line.split(' ').map(Number)
        return { body: body as number, receiveCount: receiveCount as number }
      })
    await until('the worker is loaded', () => lines('loaded').length > 0)
    return {
      go: () => void child.send('go'),
      started: () => runs('start'),
      done: () => runs('done'),
      errors: () => lines('error'),
      signal: (signal) => void child.kill(signal),
      end: (signal) => {
        child.kill(signal)
        return exited
      },
    }
  }
}
