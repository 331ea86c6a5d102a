import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { quantile, type Second, sum } from './meter.ts'
import { markdown, type Progress, type Report } from './report.ts'
import { svg } from './svg.ts'
import { BODIES, pollAndAck, publishBatch, QUEUE } from './workers.ts'
import { newWorld, type World } from './world.ts'

/** 100 million messages of a day. */
const PER_SECOND = 100_000_000 / 86_400
const DAY_MS = 86_400_000
const BATCH = 10
const CONCURRENCY = 10
/** The run is over when half of the messages that waited were received. */
const DRAINED = 0.5
/** Until partitions have spent what they saved in the second before. */
const SETTLING_SECONDS = 2
/** Messages that wait in each shard when drain rates are measured. */
const WAITING = 45_000

interface OutageParts {
  /** Messages that wait, published evenly over a day. */
  readonly waiting: number
  readonly shards: number
  readonly consumers: number
  readonly seed: number
}

interface Recovery {
  readonly parts: OutageParts
  /** Messages a second that consumers ack, old and new ones. */
  readonly perSecond: number
  readonly writeUnits: number
  readonly readUnits: number
  readonly requests: number
  /** Messages received that were published after the outage. */
  readonly fresh: number
  /** How many messages were published between an old one and the newest old one that was received before it. */
  readonly behind: readonly [p50: number, p99: number]
  readonly cpuMicroseconds: number
}

/** Consumers come back after a day, while publishing goes on. */
const recover = async (parts: OutageParts): Promise<Recovery> => {
  const world = newWorld({ seed: parts.seed, table: { partitions: Number.POSITIVE_INFINITY } })
  const { scheduler, meter } = world
  await createQueue(world.setup, QUEUE, { settings: { shards: parts.shards } })
  await scheduler.run(fillForADay(world, parts.waiting))
  const from = Math.ceil(world.seconds())
  const startAt = scheduler.now()
  const cpu = process.cpuUsage()
  const target = parts.waiting * DRAINED
  const seen = { received: 0, newest: 0, fresh: 0, behind: [] as number[] }
  const over = () => seen.received >= target
  const processes = Array.from({ length: Math.ceil(parts.consumers / CONCURRENCY) }, () => world.process())
  const consumers = Array.from({ length: parts.consumers }, async (_, consumer) => {
    const engine = processes[consumer % processes.length] as (typeof processes)[number]
    while (!over()) {
      for (const { publishedAt } of await pollAndAck(world, engine, BATCH)) {
        seen.received++
        if (publishedAt >= startAt) seen.fresh++
        else {
          seen.behind.push((Math.max(0, seen.newest - publishedAt) / DAY_MS) * parts.waiting)
          seen.newest = Math.max(seen.newest, publishedAt)
        }
      }
    }
  })
  void keepPublishing(world, over)
  await scheduler.run(Promise.all(consumers))
  const seconds = (scheduler.now() - startAt) / 1_000
  const measured = meter.seconds(from)
  const acked = sum(measured, (second) => second.acked)
  return {
    parts,
    perSecond: rateOf(meter.seconds(from + SETTLING_SECONDS, Math.floor(world.seconds()))),
    writeUnits: (sum(measured, ({ writeUnits }) => writeUnits) - (PER_SECOND / BATCH) * seconds) / acked,
    readUnits: sum(measured, ({ readUnits }) => readUnits) / acked,
    requests: sum(measured, ({ requests }) => requests) / acked,
    fresh: seen.fresh,
    behind: [quantile(seen.behind, 0.5), quantile(seen.behind, 0.99)],
    cpuMicroseconds: process.cpuUsage(cpu).user / acked,
  }
}

const rateOf = (seconds: readonly Second[]): number => sum(seconds, ({ acked }) => acked) / Math.max(1, seconds.length)

const fillForADay = async ({ scheduler, setup }: World, waiting: number): Promise<void> => {
  const batches = waiting / BATCH
  const endsAt = scheduler.now() + DAY_MS
  for (let left = batches; left > 0; left--) {
    await publish(
      setup,
      QUEUE,
      BODIES.slice(0, BATCH).map((body) => ({ body })),
    )
    await scheduler.sleep((endsAt - scheduler.now()) / left)
  }
}

const keepPublishing = async (world: World, over: () => boolean): Promise<void> => {
  const publisher = world.process()
  while (!over()) {
    void publishBatch(world, publisher, BATCH)
    await world.scheduler.sleep((1_000 * BATCH) / PER_SECOND)
  }
}

const DEPTHS = [10_000, 100_000, 1_000_000]
const RUNS: readonly (readonly [shards: number, consumers: readonly number[]])[] = [
  [1, [4, 8, 16]],
  [4, [8, 16, 32, 64]],
  [16, [64, 128, 256]],
]
const MILLION_WRITES = 0.625
const MILLION_READS = 0.125
const OUTAGE = 100_000_000

/** Recovery from a day's outage of all consumers. */
export const outage = async (progress: Progress): Promise<Report> => {
  const deep: Recovery[] = []
  for (const waiting of DEPTHS) deep.push(await run({ waiting, shards: 4, consumers: 40, seed: 1 }, progress))
  const drains: Recovery[] = []
  for (const [shards, all] of RUNS) {
    for (const consumers of all)
      drains.push(await run({ waiting: WAITING * shards, shards, consumers, seed: 2 }, progress))
  }
  const table = [markdown(DEPTH_HEADER, deep.map(depthRow)), markdown(DRAIN_HEADER, drains.map(drainRow))].join('\n\n')
  return { table, plots: { 'scale-depth.svg': depthPlot(deep), 'scale-outage.svg': drainPlot(drains) } }
}

const run = async (parts: OutageParts, progress: Progress): Promise<Recovery> => {
  const recovery = await recover(parts)
  progress(
    `${parts.waiting} waiting, ${parts.shards} shards, ${parts.consumers} consumers: ${Math.round(recovery.perSecond)} messages/s`,
  )
  return recovery
}

const DEPTH_HEADER = ['Waiting', 'Write units a message', 'Read units', 'Requests', 'CPU µs']
const depthRow = ({ parts, writeUnits, readUnits, requests, cpuMicroseconds }: Recovery) => [
  parts.waiting,
  writeUnits,
  readUnits,
  requests,
  cpuMicroseconds,
]

const DRAIN_HEADER = [
  'Shards',
  'Consumers',
  'Acked/s',
  'Hours for 100 million',
  'Dollars',
  'New messages received',
  'Old messages behind the newest received p50, p99',
]
const drainRow = ({ parts, perSecond, writeUnits, readUnits, fresh, behind }: Recovery) => [
  parts.shards,
  parts.consumers,
  perSecond,
  hoursOf(perSecond),
  (OUTAGE / 1_000_000) * (writeUnits * MILLION_WRITES + readUnits * MILLION_READS),
  fresh,
  behind.map((messages) => Math.round(messages).toLocaleString('en')).join(', '),
]

/** Until the hundred million and what is published meanwhile are acked. */
const hoursOf = (perSecond: number): number =>
  perSecond > PER_SECOND ? OUTAGE / (perSecond - PER_SECOND) / 3_600 : Number.POSITIVE_INFINITY

const depthPlot = (deep: readonly Recovery[]): string =>
  svg({
    title: 'What a message costs its consumers, by how many are waiting',
    x: { label: 'messages waiting', log: true, ticks: DEPTHS },
    panels: [
      {
        y: { label: 'units a message' },
        series: [
          { name: 'write units', marked: true, points: deep.map((at) => [at.parts.waiting, at.writeUnits] as const) },
          { name: 'read units', marked: true, points: deep.map((at) => [at.parts.waiting, at.readUnits] as const) },
        ],
      },
    ],
  })

const drainPlot = (drains: readonly Recovery[]): string =>
  svg({
    title: 'Recovery from a day’s outage, with 1,157 messages a second still coming',
    x: { label: 'consumers, by ten', log: true, ticks: [4, 8, 16, 32, 64, 128, 256] },
    panels: [
      {
        y: { label: 'acked a second', log: true },
        series: RUNS.map(([shards]) => ({
          name: `${shards} ${shards === 1 ? 'shard' : 'shards'}`,
          marked: true,
          points: ofShards(drains, shards).map((at) => [at.parts.consumers, at.perSecond] as const),
        })),
      },
      {
        y: { label: 'received late: messages, p99', log: true },
        series: RUNS.map(([shards]) => ({
          name: `${shards} ${shards === 1 ? 'shard' : 'shards'}`,
          marked: true,
          points: ofShards(drains, shards).map((at) => [at.parts.consumers, Math.max(1, at.behind[1])] as const),
        })),
      },
    ],
  })

const ofShards = (drains: readonly Recovery[], shards: number): Recovery[] =>
  drains.filter(({ parts }) => parts.shards === shards)
