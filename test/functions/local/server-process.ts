import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const PROJECT = join(import.meta.dirname, '../../..')
const START_SCRIPT = join(PROJECT, 'functions/local/start.mjs')

export interface ServerProcess {
  readonly url: string
  readonly child: ChildProcess
  /** What it has written to both streams so far. */
  output(): string
  /** Sends the signal and waits for the end; answers exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | string>
}

export interface Start {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The directory that it starts in. @default the project's */
  readonly cwd?: string
  /** Ends what hangs. @default 45 seconds */
  readonly maxWaitMs?: number
  /** How many files the process may open, connections included. @default what this process may */
  readonly maxFiles?: number
}

/** Runs what `npm start` runs, on a free port. The process ends with the test at the latest. */
const launch = ({ args = [], env = {}, cwd = PROJECT, maxFiles }: Start) => {
  const limited = maxFiles === undefined ? [] : ['/bin/sh', '-c', `ulimit -n ${maxFiles}; exec "$0" "$@"`]
  const [program = '', ...words] = [...limited, process.execPath, START_SCRIPT, '--port', '0', ...args]
  const child = spawn(program, words, {
    cwd,
    env: { ...withoutSettings(process.env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { child, exited, output: () => output }
}

/** Starts a server and waits until it listens. */
export const startServerProcess = async (start: Start): Promise<ServerProcess> => {
  const { child, exited, output } = launch(start)
  const listens = () => {
    if (child.exitCode !== null) throw new Error(`the server ended: ${output()}`)
    return /listening on \S+[\s\S]*Ctrl-C/.test(output())
  }
  await until('the server listens', listens, start.maxWaitMs)
  const [, url = ''] = /listening on (\S+)/.exec(output()) ?? []
  return {
    url,
    child,
    output,
    end: (signal) => {
      child.kill(signal)
      return exited
    },
  }
}

/** A start that is expected to fail: its exit code, and what it wrote. */
export const failedStart = async (start: Start): Promise<{ code: number | string; output: string }> => {
  const { exited, output } = launch(start)
  return { code: await exited, output: output() }
}

const withoutSettings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(AWS_|HOLDFAST_|NODE_OPTIONS$|VITEST)/.test(name)))

const MAX_WAIT_MS = 45_000
const CHECK_EVERY_MS = 50

/** Waits for a condition that must come true. The limit expects nothing of the time: it only ends a test that hangs. */
export const until = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  maxWaitMs = MAX_WAIT_MS,
): Promise<void> => {
  for (const end = Date.now() + maxWaitMs; Date.now() < end; await sleep(CHECK_EVERY_MS)) if (await holds()) return
  throw new Error(`gave up waiting until ${what}`)
}

const run = promisify(execFile)

/** Processes that run the engine on a data directory, without their guards. */
export const enginesOn = async (directory: string): Promise<number[]> =>
  (await processesOn(directory, false)).map(Number)
export const guardsOn = async (directory: string): Promise<number[]> => (await processesOn(directory, true)).map(Number)

const processesOn = async (directory: string, guards: boolean): Promise<string[]> => {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,args='])
  return stdout
    .split('\n')
    .filter((line) => line.includes('dynoxide') && line.includes(directory))
    .filter((line) => line.includes('engine-guard') === guards)
    .map((line) => line.trim().split(' ')[0] ?? '')
}

export const call = async (
  server: ServerProcess,
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: answers are whatever the test expects them to be
): Promise<any> => {
  const response = await fetch(server.url + path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const text = await response.text()
  return text === '' ? undefined : JSON.parse(text)
}
