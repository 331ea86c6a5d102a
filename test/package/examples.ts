import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** What the calling script provides to run an example. */
export interface Surroundings {
  /** The folder of the examples. */
  readonly examples: string
  /** Where projects are made. */
  readonly work: string
  readonly tarball: string
  readonly environment: NodeJS.ProcessEnv
  /** The address of a running server. */
  readonly url: string
  /** Runs a command to its end. @throws if it fails */
  run(folder: string, command: string, ...args: string[]): void
}

/** A running program of an example, and what it has printed. */
class Program {
  private printed = ''
  private readonly child: ChildProcess

  constructor(folder: string, env: NodeJS.ProcessEnv, command: string, ...args: string[]) {
    this.child = spawn(command, args, { cwd: folder, env })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.printed += data.toString()
      })
    }
  }

  /** Resolves when the program has printed the text. @throws if the program ends first, or after a minute */
  async prints(text: string): Promise<void> {
    const giveUpAt = Date.now() + 60_000
    while (!this.printed.includes(text)) {
      if (this.child.exitCode !== null || Date.now() > giveUpAt) throw new Error(`no "${text}" in:\n${this.printed}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** @throws unless the program exits with 0 */
  async ends(): Promise<void> {
    const [code] = this.child.exitCode === null ? await once(this.child, 'exit') : [this.child.exitCode]
    if (code !== 0) throw new Error(`it ended with ${code}:\n${this.printed}`)
  }

  /** @throws unless the signal ends the program: a worker that has stopped raises the signal again */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    const [code, signal] = (await once(this.child, 'exit')) as [number | null, string | null]
    if (code !== 0 && signal !== 'SIGTERM') throw new Error(`it ended with ${code}:\n${this.printed}`)
  }
}

/** Copies an example, and installs what its package.json names, with the tarball as `holdfast`. */
const installed = (name: string, { examples, work, tarball, run }: Surroundings): string => {
  const folder = join(work, `example-${name}`)
  cpSync(join(examples, name), folder, { recursive: true })
  run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', tarball)
  return folder
}

const quickStart = async (around: Surroundings): Promise<void> => {
  const folder = installed('quick-start', around)
  const program = new Program(folder, { ...around.environment, HOLDFAST_URL: around.url }, 'node', 'quick-start.js')
  await program.prints('Hello, Ada!')
  await program.ends()
}

const sqsClient = async (around: Surroundings): Promise<void> => {
  const folder = installed('sqs-client', around)
  const env = {
    ...around.environment,
    AWS_ENDPOINT_URL_SQS: around.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  }
  const program = new Program(folder, env, 'node', 'orders.js')
  await program.prints('received {"order":1}')
  await program.ends()
}

/** A worker downloads one page, tries a failing one again, and rejects what is no URL. */
const worker = async (around: Surroundings): Promise<void> => {
  const folder = installed('worker', around)
  let tries = 0
  const site = createServer((request, response) => {
    if (request.url === '/busy' && tries++ === 0) response.writeHead(503).end()
    else response.end('12 bytes are')
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  const env = { ...around.environment, HOLDFAST_URL: around.url }
  const tsx = join(folder, 'node_modules/tsx/dist/cli.mjs')
  const running = new Program(folder, env, 'node', '--import', 'tsx', 'worker.ts')
  try {
    await running.prints('downloading')
    const adding = new Program(folder, env, 'node', tsx, 'add.ts', `${address}/page`, `${address}/busy`, 'nonsense')
    await adding.ends()
    await running.prints(`${address}/page: 12 bytes`)
    await running.prints(`${address}/busy: 12 bytes`)
    await deadLetter(around.url, 'downloads-failed', 'nonsense is no URL')
    await running.stop()
  } finally {
    site.close()
  }
}

/** Resolves when the queue has a dead letter with this reason. */
const deadLetter = async (url: string, queue: string, reason: string): Promise<void> => {
  for (let tries = 0; tries < 500; tries += 1) {
    const answer = await fetch(`${url}/queues/${queue}/messages`)
    if ((await answer.text()).includes(reason)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${queue} has no message with the reason "${reason}"`)
}

/** Runs all examples, each in a project of its own. */
export const runExamples = async (around: Surroundings): Promise<void> => {
  await quickStart(around)
  await sqsClient(around)
  await worker(around)
  around.run(installed('moved-clock', around), 'npm', 'test')
  around.run(installed('cdk-app', around), 'npm', 'run', 'synth')
  console.log('examples: work')
}
