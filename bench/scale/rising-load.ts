import { createQueue } from '../../lib/queues/create-queue.ts'
import { quantile, sum } from './meter.ts'
import { partOf, type TableRules } from './physical-table.ts'
import { SDK, type SdkRules } from './sdk-retries.ts'
import { pollAndAck, publishBatch, QUEUE } from './workers.ts'
import { newWorld, type World } from './world.ts'

export interface RisingParts {
  /** Messages a second to publish, at full scale, from each instant on, seconds. */
  readonly steps: readonly (readonly [at: number, perSecond: number])[]
  readonly seconds: number
  readonly batch: number
  /** Consumers at full scale: each polls and acks one batch after the other. */
  readonly consumers: number
  readonly table: Partial<TableRules>
  /** See `SteadyParts`. */
  readonly part: number
  readonly sdk?: SdkRules
  readonly seed: number
}

/** What happened in one span of time, at full scale. */
export interface Span {
  readonly at: number
  readonly published: number
  readonly acked: number
  readonly failed: number
  readonly throttled: number
  readonly requests: number
  readonly readUnits: number
  readonly writeUnits: number
  readonly shards: number
  readonly partitions: number
  readonly publishMs: readonly [p50: number, p99: number]
  /** From publish to receive, ms. */
  readonly ageMs: readonly [p50: number, p99: number]
}

const SPAN_SECONDS = 5
const CONCURRENCY = 10
const LONG_POLL_SECONDS = 20

/** A queue of one shard under a load that changes, on a table of a given size, with its shards raised by the engine. */
export const risingLoad = async (parts: RisingParts): Promise<Span[]> => {
  const { table, part, batch, seconds, seed, sdk = SDK } = parts
  const world = newWorld({
    seed,
    table: partOf(table, part),
    sdk,
  })
  const { scheduler } = world
  const over = { at: scheduler.now() + seconds * 1_000 }
  const gauges: { shards: number; partitions: number }[] = []
  await createQueue(world.setup, QUEUE, {})
  const gauge = async (): Promise<void> => {
    const { pollShards } = await world.setup.queues.fresh(QUEUE)
    gauges.push({ shards: pollShards, partitions: world.table.partitions() })
    scheduler.after(SPAN_SECONDS * 1_000, () => void gauge())
  }
  scheduler.after(0, () => void gauge())
  consume(world, Math.ceil(parts.consumers * part), { batch, until: over.at })
  await scheduler.run(produce(world, parts, over.at))
  return spansOf(world, gauges, part)
}

/** Publishes at the rate of the moment, whether or not the publishes before are answered. */
const produce = async (world: World, { steps, part, batch }: RisingParts, until: number): Promise<void> => {
  const { scheduler, random } = world
  const startAt = scheduler.now()
  const processes = Array.from({ length: 20 }, () => world.process())
  for (let due = startAt; due < until; ) {
    const [, perSecond] = steps.findLast(([at]) => startAt + at * 1_000 <= due) ?? [0, 1]
    due += (-Math.log(1 - random.fraction()) * 1_000 * batch) / (perSecond * part)
    await scheduler.sleep(due - scheduler.now())
    const engine = random.oneOf(processes)
    void publishBatch(world, engine, batch)
  }
}

const consume = (world: World, consumers: number, { batch, until }: { batch: number; until: number }): void => {
  const processes = Array.from({ length: Math.ceil(consumers / CONCURRENCY) }, () => world.process())
  const work = async (consumer: number): Promise<void> => {
    const engine = processes[consumer % processes.length] as (typeof processes)[number]
    while (world.scheduler.now() < until) {
      await pollAndAck(world, engine, batch, { waitTimeSeconds: LONG_POLL_SECONDS })
    }
  }
  for (let consumer = 0; consumer < consumers; consumer++) void work(consumer)
}

const spansOf = (world: World, gauges: readonly { shards: number; partitions: number }[], part: number): Span[] =>
  gauges.slice(0, -1).map((_, index) => {
    const seconds = world.meter.seconds(index * SPAN_SECONDS, (index + 1) * SPAN_SECONDS)
    const { shards, partitions } = gauges[index + 1] as (typeof gauges)[number]
    const rate = (of: (second: (typeof seconds)[number]) => number) => sum(seconds, of) / SPAN_SECONDS / part
    const publishes = seconds.flatMap(({ latencies }) => latencies.publish)
    const ages = seconds.flatMap((second) => second.ages)
    return {
      at: (index + 1) * SPAN_SECONDS,
      published: rate(({ published }) => published),
      acked: rate(({ acked }) => acked),
      failed: rate(({ failed }) => failed),
      throttled: rate(({ throttled }) => sum(Object.values(throttled), (count) => count)),
      requests: rate(({ requests }) => requests),
      readUnits: rate(({ readUnits }) => readUnits),
      writeUnits: rate(({ writeUnits }) => writeUnits),
      shards,
      partitions,
      publishMs: [quantile(publishes, 0.5), quantile(publishes, 0.99)],
      ageMs: [quantile(ages, 0.5), quantile(ages, 0.99)],
    }
  })
