import { type Client, createClient } from '../lib/client.ts'
import { createEngine, type Engine } from '../lib/engine.ts'
import { publish } from '../lib/publish/publish.ts'
import { createQueue } from '../lib/queues/create-queue.ts'
import { poll } from '../lib/receive/poll.ts'
import { ack } from '../lib/settle/ack.ts'
import { memoryStore } from '../lib/store/keyed/memory-store.ts'
import { bodyOfKind } from './bodies.ts'
import type { Figure } from './figures.ts'
import type { Rig } from './rig.ts'

/** The cost of the client and its workers beyond that of the engine. */
export const clientFigures = async (rig: Rig): Promise<Figure[]> => {
  const memory = createEngine({ store: memoryStore() })
  await createQueue(memory, 'worker')
  return [
    ...(await lonePublishes(rig)),
    ...(await workerFigures('in memory', memory, 'worker', { rounds: 15, messages: 5_000 })),
    ...(await workerFigures('on the embedded DynamoDB engine', rig.unmetered(), await rig.queue(), {
      rounds: 7,
      messages: 250,
      minWorkerToLoop: 0.9,
    })),
  ]
}

const LONE_PUBLISHES = 1_000

/** Publishes of one message each, all at the same time. */
const lonePublishes = async (rig: Rig): Promise<Figure[]> => {
  const queue = createClient({ engine: rig.process() }).queue<string>(await rig.queue())
  await queue.publish('the first request of a process reads the settings')
  const { usage } = await rig.measure(() =>
    Promise.all(Array.from({ length: LONE_PUBLISHES }, () => queue.publish(bodyOfKind('small') as never))),
  )
  const section = `${LONE_PUBLISHES} lone publishes at the same time, 150 B`
  const unit = 'per message'
  return [
    { section, name: 'write units', value: usage.writeUnits / LONE_PUBLISHES, unit, goal: 0.35 },
    { section, name: 'requests', value: usage.requests / LONE_PUBLISHES, unit },
  ]
}

interface Load {
  readonly rounds: number
  readonly messages: number
  /** The share of the loop's rate that the worker must reach. In memory, where all time is overhead, there is no goal. */
  readonly minWorkerToLoop?: number
}

const CONCURRENCY = 10

/**
 * Compares a worker whose handler does nothing with a loop that polls ten messages and acks them. The two take turns, and
 * each figure is the median of its rounds. Only the ratio of the two can be compared between machines.
 */
const workerFigures = async (where: string, engine: Engine, queue: string, load: Load): Promise<Figure[]> => {
  const client = createClient({ engine })
  const loops: number[] = []
  const workers: number[] = []
  for (let round = 0; round < load.rounds; round++) {
    await fill(engine, queue, load.messages)
    loops.push(await timed(() => bareLoop(engine, queue, load.messages)))
    await fill(engine, queue, load.messages)
    workers.push(await timed(() => workThrough(client, queue, load.messages)))
  }
  const rate = (times: readonly number[]) => Math.round((load.messages / median(times)) * 1_000)
  const section = `a worker ${where}, ${CONCURRENCY} handlers at once`
  return [
    { section, name: 'loop of poll and ack, batches of ten', value: rate(loops), unit: 'messages/s' },
    { section, name: 'worker', value: rate(workers), unit: 'messages/s' },
    {
      section,
      name: 'worker to loop',
      value: median(loops) / median(workers),
      unit: '×',
      ...(load.minWorkerToLoop !== undefined && { least: load.minWorkerToLoop }),
    },
  ]
}

const FILL = 25

const fill = async (engine: Engine, queue: string, count: number): Promise<void> => {
  for (let published = 0; published < count; published += FILL) {
    await publish(
      engine,
      queue,
      Array.from({ length: FILL }, () => ({ body: bodyOfKind('small') })),
    )
  }
}

const bareLoop = async (engine: Engine, queue: string, count: number): Promise<void> => {
  for (let done = 0; done < count; ) {
    const messages = await poll(engine, queue, { maxMessages: CONCURRENCY })
    await ack(
      engine,
      queue,
      messages.map(({ receiptHandle }) => receiptHandle),
    )
    done += messages.length
  }
}

const workThrough = async (client: Client, queue: string, count: number): Promise<void> => {
  const stop = new AbortController()
  let done = 0
  const worker = client.queue<string>(queue).consume(
    async () => {
      if (++done === count) stop.abort()
    },
    { concurrency: CONCURRENCY, stopOnSigterm: false, signal: stop.signal },
  )
  await worker.stopped
}

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
