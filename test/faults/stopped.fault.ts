/** A server, a consumer and workers stopped by SIGSTOP for longer than leases, and continued. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createClient } from '../../lib/client.ts'
import { enginesOn, startServerProcess, until } from '../functions/local/server-process.ts'
import { type WorkerProcess, workerProcesses } from '../processes/worker-processes.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { createLedger } from './rig/ledger.ts'
import { drain, type LoadParts, startLoad } from './rig/load.ts'
import { show, size } from './rig/size.ts'

const LEASE_SECONDS = 2
/** Longer than a lease. */
const STOPPED_MS = LEASE_SECONDS * 1_500
const STOPS = size(15, 2)
const BETWEEN_MS = 1_500
/** Ends a test that hangs. */
const MAX_WAIT_MS = 1_800_000

const QUEUES = ['orders', 'orders.fifo']

/** Once an engine goes on, it does the requests that its server has given up and sent again, beside the new ones. */
test.each([
  ['a server on', 'disk'],
  ['a server on', 'memory'],
  ['a server on', 'dynamodb'],
  ['the engine of a server on', 'dynamodb'],
])(
  '%s %s that is stopped for longer than leases, and continued, loses nothing answered, and leases nothing twice',
  async (what, engine) => {
    const directory = await temporaryDirectory()
    const data = engine === 'memory' ? [] : ['--data', directory]
    const { url, child } = await startServerProcess({ args: ['--engine', engine, ...data] })
    const pids = what === 'a server on' ? [Number(child.pid)] : await enginesOn(directory)
    expect(pids).toHaveLength(1)
    const signal = (name: NodeJS.Signals) => pids.forEach((pid) => void process.kill(pid, name))
    const client = createClient({ url })
    const loads = await Promise.all(
      QUEUES.map(async (queue): Promise<LoadParts> => {
        await client.createQueue(queue)
        const ledger = createLedger(() => performance.now())
        return { urls: [url], queue, ledger, leaseSeconds: LEASE_SECONDS, publishers: 4, consumers: 4 }
      }),
    )
    const running = loads.map(startLoad)
    for (let stop = 0; stop < STOPS; stop++) {
      await sleep(Math.random() * BETWEEN_MS)
      signal('SIGSTOP')
      await sleep(STOPPED_MS)
      signal('SIGCONT')
    }
    await Promise.all(running.map(({ stop }) => stop()))
    await Promise.all(loads.map(drain))
    for (const { queue, ledger } of loads) {
      show(`${what} ${engine}, ${STOPS} stops, ${queue}`, ledger.figures())
      expect(ledger.violations()).toEqual([])
    }
  },
)

const runsOf = (workers: readonly WorkerProcess[]) => workers.flatMap((worker) => worker.done())

test('workers that are stopped for longer than leases, and continued, do the work of each message, and ack none that another worker has', async () => {
  const messages = size(6_000, 600)
  const { url } = await startServerProcess({ args: ['--memory'] })
  const client = createClient({ url })
  await client.createQueue('jobs', { visibilityTimeoutSeconds: LEASE_SECONDS })
  const queue = client.queue<number>('jobs')
  const start = await workerProcesses(url, 'jobs')
  const workers = await Promise.all([start(), start(), start()])
  await queue.publishBatch(Array.from({ length: messages }, (_, body) => ({ body })))
  for (const worker of workers) worker.go()
  const done = () => new Set(runsOf(workers).map(({ body }) => body)).size
  for (let stop = 0; done() < messages && stop < STOPS; stop++) {
    const stopped = workers[stop % workers.length] as WorkerProcess
    const before = done()
    await until('some work is done', () => done() > before || done() === messages, MAX_WAIT_MS)
    stopped.signal('SIGSTOP')
    await sleep(STOPPED_MS)
    stopped.signal('SIGCONT')
  }
  await until(
    'all is done',
    async () => {
      const { ready, leased, delayed } = await queue.counts()
      return ready + leased + delayed === 0
    },
    MAX_WAIT_MS,
  )
  const runs = runsOf(workers)
  const errors = workers.flatMap((worker) => worker.errors())
  show('workers', { messages, runs: runs.length, 'acks refused': errors.length })
  expect(done()).toBe(messages)
  // The ack of a worker that continues after its lease has ended is refused: the message stays with the worker that has it now.
  expect(errors.filter((line) => !/the lease ended before|LeaseLost/.test(line))).toEqual([])
  const again = workers.flatMap((worker) => worker.started()).filter(({ receiveCount }) => receiveCount > 1)
  expect(again.length).toBeGreaterThan(0)
})
