import { createQueue } from '../../lib/queues/create-queue.ts'
import { type Operation, quantile, sum } from './meter.ts'
import { partOf, type TableRules } from './physical-table.ts'
import type { SdkRules } from './sdk-retries.ts'
import { pollAndAck, publishBatch, QUEUE } from './workers.ts'
import { newWorld } from './world.ts'

export interface SteadyParts {
  readonly shards: number
  readonly batch: number
  /** Workers for each shard: each publishes a batch, polls a batch and acks it, again and again. */
  readonly workersPerShard: number
  /** Pause between two rounds of a worker, ms. */
  readonly pauseMs?: number
  readonly table: Partial<TableRules>
  /**
   * The model's partitions and quota have this part of their throughput, and rates in the result are multiplied by its reverse. So a
   * run takes that much less time.
   */
  readonly part: number
  readonly seconds: number
  readonly sdk?: Partial<SdkRules>
  readonly seed: number
}

export interface Steady {
  readonly messagesPerSecond: number
  readonly writeUnitsPerSecond: number
  readonly readUnitsPerSecond: number
  readonly writeUnitsPerMessage: number
  /** Of all requests to the table, those that it refused. */
  readonly throttledPart: number
  /** Messages whose publish or ack failed after all tries, as a part of those that were acked. */
  readonly failedPart: number
  readonly unackedPart: number
  readonly publishMs: Latency
  readonly pollMs: Latency
  readonly ackMs: Latency
}

interface Latency {
  readonly p50: number
  readonly p99: number
}

const WARM_UP_SECONDS = 2
/** Workers of one process. */
const CONCURRENCY = 10
/** Segments that wait in each shard when the measurement begins. */
const WAITING = 40

/** A queue with a fixed number of shards, whose load is as high as it takes. */
export const steady = async (parts: SteadyParts): Promise<Steady> => {
  const { shards, batch, pauseMs = 0, part, seconds, seed } = parts
  const world = newWorld({ seed, table: partOf(parts.table, part), ...(parts.sdk && { sdk: parts.sdk }) })
  const { scheduler, meter } = world
  await createQueue(world.setup, QUEUE, { settings: { shards } })
  await scheduler.run(fill(world, WAITING * shards, batch))
  const endsAt = scheduler.now() + (WARM_UP_SECONDS + seconds) * 1_000
  const before = Math.floor(world.seconds())
  const workers = Math.ceil(parts.workersPerShard * part * shards)
  const processes = Array.from({ length: Math.ceil(workers / CONCURRENCY) }, () => world.process())
  const work = async (worker: number) => {
    const engine = processes[worker % processes.length] as (typeof processes)[number]
    await scheduler.sleep(world.random.fraction() * Math.max(pauseMs, 200))
    while (scheduler.now() < endsAt) {
      await publishBatch(world, engine, batch)
      await pollAndAck(world, engine, batch)
      if (pauseMs > 0) await scheduler.sleep(world.random.fraction() * 2 * pauseMs)
    }
  }
  const all = Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
  await scheduler.run(all)
  const measured = meter.seconds(before + WARM_UP_SECONDS, before + WARM_UP_SECONDS + seconds)
  const acked = sum(measured, (second) => second.acked)
  const writes = sum(measured, ({ writeUnits }) => writeUnits)
  const requests = sum(measured, (second) => second.requests)
  const throttled = sum(measured, (second) => sum(Object.values(second.throttled), (count) => count))
  const latencies = (what: Operation) => {
    const values = measured.flatMap((second) => second.latencies[what])
    return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) }
  }
  return {
    messagesPerSecond: acked / seconds / part,
    writeUnitsPerSecond: writes / seconds / part,
    readUnitsPerSecond: sum(measured, ({ readUnits }) => readUnits) / seconds / part,
    writeUnitsPerMessage: writes / acked,
    failedPart: sum(measured, ({ failed }) => failed) / acked,
    unackedPart: sum(measured, ({ unacked }) => unacked) / acked,
    ackMs: latencies('ack'),
    throttledPart: throttled / requests,
    publishMs: latencies('publish'),
    pollMs: latencies('poll'),
  }
}

const fill = async (world: ReturnType<typeof newWorld>, segments: number, batch: number): Promise<void> => {
  for (let done = 0; done < segments; done++) {
    await publishBatch(world, world.setup, batch)
    if (done % 50 === 49) await world.scheduler.sleep(1)
  }
}
