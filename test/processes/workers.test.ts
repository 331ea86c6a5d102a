/** Workers in processes of their own, against a server in another, with the signals that platforms send. */
import { expect, test } from 'vitest'
import { createClient } from '../../lib/client.ts'
import type { GivenQueue } from '../../lib/transport/port.ts'
import { startServerProcess, until as untilWithin } from '../functions/local/server-process.ts'
import { type WorkerProcess, workerProcesses } from './worker-processes.ts'

/** `npm run test:more` sends 10,000. */
const MESSAGES = Number(process.env.HOLDFAST_PROCESS_MESSAGES ?? 2_000)
/** Of `worker-process.ts`: a worker never holds more messages than it may run handlers. */
const CONCURRENCY = 10
/** Few: most of what a worker of a FIFO queue holds waits for what is in front of it. */
const GROUPS = 8

/** Ends what hangs, on the slowest of machines. */
const MAX_TEST_MS = 240_000
const until = (what: string, holds: () => boolean | Promise<boolean>) => untilWithin(what, holds, MAX_TEST_MS)

const setUp = async (name: string, settings: GivenQueue) => {
  const { url } = await startServerProcess({ args: ['--memory'] })
  const client = createClient({ url })
  const dead = name.endsWith('.fifo') ? 'dead.fifo' : 'dead'
  await client.createQueue(dead)
  await client.createQueue(name, settings)
  const queue = client.queue<number>(name)
  const startOne = await workerProcesses(url, name)
  /** Loads so many workers, which wait for their start. */
  const load = (count: number): Promise<WorkerProcess[]> => Promise.all(Array.from({ length: count }, startOne))
  const publish = async (from: number, to: number) => {
    const fifo = name.endsWith('.fifo')
    const entries = numbers(from, to).map((body) => ({
      body,
      ...(fifo && { groupId: `group-${body % GROUPS}`, deduplicationId: `d${body}` }),
    }))
    const outcomes = await queue.publishBatch(entries)
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([])
  }
  return { queue, dead: client.queue<number>(dead), load, publish }
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)
const bodies = (runs: readonly { readonly body: number }[]): number[] =>
  [...new Set(runs.map(({ body }) => body))].toSorted((a, b) => a - b)
const effectsOf = (workers: readonly WorkerProcess[]) => workers.flatMap((worker) => worker.done())

test(
  `each of ${MESSAGES} messages has its effect, though one of four workers is stopped and one killed`,
  async () => {
    const { queue, load, publish } = await setUp('jobs', { visibilityTimeoutSeconds: 3 })
    const [workers] = await Promise.all([load(4), publish(0, MESSAGES)])
    const [stopped, killed] = workers as [WorkerProcess, WorkerProcess]
    for (const worker of workers) worker.go()
    const effects = () => bodies(effectsOf(workers)).length

    await until('a fifth is done', () => effects() > MESSAGES / 5)
    // It ends by the signal, as a process does that knows nothing of it, once its worker has stopped.
    expect(await stopped.end('SIGTERM')).toBe('SIGTERM')
    expect(stopped.done()).toHaveLength(stopped.started().length)
    expect(stopped.errors()).toEqual([])

    await until('half is done', () => effects() > MESSAGES / 2)
    // What the stopped one gave back stood in front, and is under way again by now: as if it had never been received.
    expect(workers.flatMap((worker) => worker.started()).filter(({ receiveCount }) => receiveCount > 1)).toEqual([])
    expect(await killed.end('SIGKILL')).toBe('SIGKILL')

    await until('all is done', async () => {
      const { ready, leased, delayed } = await queue.counts()
      return ready + leased + delayed === 0
    })
    expect(bodies(effectsOf(workers))).toEqual(numbers(0, MESSAGES))
    const again = workers.flatMap((worker) => worker.started()).filter(({ receiveCount }) => receiveCount > 1)
    expect(again.length).toBeLessThanOrEqual(CONCURRENCY)
    expect(again.filter(({ receiveCount }) => receiveCount > 2)).toEqual([])
    // Nothing that the stopped one had begun was begun again.
    const begun = new Set(stopped.started().map(({ body }) => body))
    expect(again.filter(({ body }) => begun.has(body))).toEqual([])
  },
  MAX_TEST_MS,
)

test.each(['jobs', 'jobs.fifo'])(
  'a rolling restart of the workers of %s sends nothing to its dead-letter queue, though one receive is all there is',
  async (name) => {
    const STEP = 200
    const { queue, dead, load, publish } = await setUp(name, {
      deadLetter: { queue: name.endsWith('.fifo') ? 'dead.fifo' : 'dead', maxReceives: 1 },
    })
    const workers = await load(5)
    const effects = () => effectsOf(workers).length
    workers[0]?.go()
    workers[1]?.go()
    let published = 0
    for (const [position, oldest] of workers.slice(0, 3).entries()) {
      await publish(published, published + STEP)
      await until('some of it is done', () => effects() > published + STEP / 10)
      published += STEP
      workers[position + 2]?.go()
      expect(await oldest.end('SIGTERM')).toBe('SIGTERM')
    }
    await until('all is done', async () => {
      const { ready, leased, delayed } = await queue.counts()
      return ready + leased + delayed === 0
    })
    expect(await dead.counts()).toMatchObject({ ready: 0, leased: 0, delayed: 0 })
    expect(effectsOf(workers).toSorted((a, b) => a.body - b.body)).toEqual(
      numbers(0, published).map((body) => ({ body, receiveCount: 1 })),
    )
    expect(workers.flatMap((worker) => worker.errors())).toEqual([])
  },
  MAX_TEST_MS,
)
