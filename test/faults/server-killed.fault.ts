/** The server, and the DynamoDB engine that it runs, killed again and again while clients publish, receive and ack. */
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createClient } from '../../lib/client.ts'
import { enginesOn, type ServerProcess, startServerProcess } from '../functions/local/server-process.ts'
import { quickDirectory } from '../support/temporary-directory.ts'
import { createLedger } from './rig/ledger.ts'
import { drain, type LoadParts, startLoad } from './rig/load.ts'
import { show, size } from './rig/size.ts'

/** Most answers between the start of a server and its kill. Some kills come before any request is done, most in the middle of many. */
const MAX_ANSWERS = 60
/** A server that gives fewer answers is killed after this time. */
const MAX_LIFE_MS = 3_000
/** `npm run test:faults -- --kills N` has more. */
const SERVER_KILLS = Number(process.env.HOLDFAST_SERVER_KILLS ?? size(250, 10))
const LEASE_SECONDS = 2
/** Ends a start that hangs: on a busy machine, a start takes a minute. */
const MAX_START_MS = 300_000

const QUEUES = ['orders', 'orders.fifo']

const restartable = async (args: readonly string[]) => {
  const first = await startServerProcess({ args, maxWaitMs: MAX_START_MS })
  const { port } = new URL(first.url)
  return {
    first,
    url: first.url,
    again: () => startServerProcess({ args: [...args, '--port', port], maxWaitMs: MAX_START_MS }),
  }
}

const answersOf = (loads: readonly LoadParts[]): number => loads.reduce((sum, { ledger }) => sum + ledger.answers(), 0)

const answered = async (loads: readonly LoadParts[], count: number): Promise<void> => {
  const before = answersOf(loads)
  for (const end = performance.now() + MAX_LIFE_MS; performance.now() < end; await sleep(2)) {
    if (answersOf(loads) >= before + count) return
  }
}

const endEngine = async (server: ServerProcess, directory: string): Promise<void> => {
  for (const pid of await enginesOn(directory)) process.kill(pid, 'SIGKILL')
  // A server whose engine has ended logs that and ends.
  await server.end('SIGCONT')
}

test.each([
  ['the server on disk', ['--data'], SERVER_KILLS, 'server'],
  ['the server with its embedded DynamoDB engine', ['--engine', 'dynamodb', '--data'], size(20, 3), 'server'],
  ['the embedded DynamoDB engine', ['--engine', 'dynamodb', '--data'], size(20, 3), 'engine'],
] as const)(
  '%s is killed under load: no answered publish is lost, nothing comes back after its ack',
  async (...given) => {
    const [what, args, kills, victim] = given
    const directory = quickDirectory()
    const { first, url, again } = await restartable([...args, directory])
    const client = createClient({ url })
    const loads = await Promise.all(
      QUEUES.map(async (queue): Promise<LoadParts> => {
        await client.createQueue(queue)
        const ledger = createLedger(() => performance.now())
        return { urls: [url], queue, ledger, leaseSeconds: LEASE_SECONDS, publishers: 4, consumers: 3 }
      }),
    )
    const running = loads.map(startLoad)
    let server = first
    for (let kill = 0; kill < kills; kill++) {
      await answered(loads, Math.random() * MAX_ANSWERS)
      if (victim === 'engine') await endEngine(server, directory)
      else expect(await server.end('SIGKILL')).toBe('SIGKILL')
      server = await again()
    }
    await Promise.all(running.map(({ stop }) => stop()))
    await Promise.all(loads.map(drain))
    for (const { queue, ledger } of loads) {
      show(`${what}, ${kills} kills, ${queue}`, ledger.figures())
      expect(ledger.violations()).toEqual([])
    }
    expect(await server.end('SIGTERM')).toBe(0)
    rmSync(directory, { recursive: true, force: true })
  },
)
