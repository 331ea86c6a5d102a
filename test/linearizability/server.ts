import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation } from '../simulation/operations.ts'
import { type ClientOrder, QUEUES } from './client-order.ts'
import type { HistoryHeader } from './header.ts'

/** How a server is run for a history. */
export interface ServerOrder {
  readonly name: string
  readonly args: readonly string[]
  /** How often the server is killed and started again meanwhile. */
  readonly kills: number
}

export const SERVERS: readonly ServerOrder[] = [
  { name: 'a server in memory', args: ['--memory'], kills: 0 },
  { name: 'a server on disk', args: [], kills: 0 },
  { name: 'a server on disk, killed and started again', args: [], kills: 3 },
]

const ROOT = join(import.meta.dirname, '../..')
const PROCESSES = 3
const LOOPS = 4
const WORK_MS = 20_000
/** The server and its clients share a clock, which they read at different places and round to milliseconds. */
const ROUNDED_MS = 20

interface Server {
  readonly child: ChildProcess
  readonly url: string
}

/** Runs what `npm start` runs, and waits until it listens. */
const start = async (args: readonly string[], port: string): Promise<Server> => {
  const child = spawn(process.execPath, [join(ROOT, 'functions/local/start.mjs'), '--port', port, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        const [, found] = /listening on (\S+)[\s\S]*Ctrl-C/.exec(output) ?? []
        if (found !== undefined) resolve(found)
      })
    }
    child.once('exit', () => reject(new Error(`the server ended: ${output}`)))
  })
  return { child, url }
}

const kill = async ({ child }: Server): Promise<void> => {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const createQueues = async (url: string): Promise<void> => {
  for (const queue of QUEUES) {
    const response = await fetch(`${url}/queues/${queue}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    if (!response.ok) throw new Error(`${queue} was not created: ${await response.text()}`)
  }
}

/** Milliseconds between the machine's monotonic clock and its wall clock. */
const epochMs = (): number => Date.now() - Number(process.hrtime.bigint()) / 1e6

interface Clients {
  /** Makes the clients stop publishing and empty the queues, and returns all their operations. */
  finish(): Promise<Operation[]>
}

const startClients = (url: string, epoch: number): Clients => {
  const children = Array.from({ length: PROCESSES }, (_, at) => {
    const order: ClientOrder = { name: `client-${at + 1}`, url, epochMs: epoch, loops: LOOPS }
    const entry = join(import.meta.dirname, 'server-client.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', entry, JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: ROOT,
      env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    })
    return { child, written: text(child.stdout) }
  })
  return {
    finish: async () => {
      for (const { child } of children) child.stdin.end()
      const all = await Promise.all(children.map(({ written }) => written))
      return all.flatMap((lines) =>
        lines
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Operation),
      )
    },
  }
}

/**
 * Runs several processes of clients on a server that is started as `npm start` starts it.
 *
 * @returns the lines of a history for each of its queues
 */
export const serverHistories = async ({ name, args, kills }: ServerOrder): Promise<string[]> => {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-server-'))
  const all = args.includes('--memory') ? args : [...args, '--data', data]
  const epoch = epochMs()
  let server = await start(all, '0')
  try {
    await createQueues(server.url)
    const clients = startClients(server.url, epoch)
    for (let killed = 0; killed < kills; killed++) {
      await sleep(WORK_MS / (kills + 1))
      await kill(server)
      server = await start(all, new URL(server.url).port)
    }
    await sleep(WORK_MS / (kills + 1))
    const operations = await clients.finish()
    const offMs = ROUNDED_MS + Math.ceil(Math.abs(epochMs() - epoch))
    return QUEUES.map((queue) => linesOf(name, queue, operations, { offMs, hidden: kills > 0 }))
  } finally {
    await kill(server)
    await rm(data, { recursive: true, force: true })
  }
}

const linesOf = (
  world: string,
  queue: string,
  operations: readonly Operation[],
  { offMs, hidden }: { offMs: number; hidden: boolean },
): string => {
  const own = operations.filter((one) => 'queue' in one && one.queue === queue)
  const header: HistoryHeader = {
    history: 0,
    world,
    model: queue.endsWith('.fifo') ? 'fifo' : 'standard',
    endAt: Math.max(...own.map((one) => ('return' in one ? (one.return ?? one.call) : one.call))) + 1,
    skewMs: offMs,
    jumpMs: offMs,
    hidden,
    maxReceives: 0,
    redrives: false,
    grouped: false,
    numbersRise: true,
    ownVerdict: [],
  }
  return `${[header, ...own].map((line) => JSON.stringify(line)).join('\n')}\n\n`
}
