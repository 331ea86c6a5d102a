import type { TableRules } from './physical-table.ts'
import { markdown, type Progress, type Report } from './report.ts'
import { type Steady, steady } from './steady.ts'
import { svg } from './svg.ts'

/** As many physical partitions as it takes for each shard to have one of its own, as after splits for heat. */
const SETTLED = Number.POSITIVE_INFINITY
const RAISED = 1_000_000
/** Enough to keep a shard's partition at its limit, with some waiting for a retry. */
const WORKERS = 16
/** A run at full scale takes five times as long, and one of the curves shows that it comes to the same. */
const PART = 0.2
/** At this pause ten workers use about 60 % of a shard. */
const UNHURRIED = { workersPerShard: 10, pauseMs: 28 }

interface Curve {
  readonly name: string
  readonly batch: number
  readonly table: Partial<TableRules>
  readonly shards: readonly number[]
  readonly workersPerShard: number
  readonly pauseMs?: number
  /** See `SteadyParts`. */
  readonly part: number
  readonly dashed?: boolean
}

const CURVES: readonly Curve[] = [
  {
    name: 'by ten',
    batch: 10,
    table: { partitions: SETTLED },
    shards: [1, 2, 4, 8, 16, 32, 64, 100],
    workersPerShard: WORKERS,
    part: PART,
  },
  {
    name: 'by ten, model at full scale',
    batch: 10,
    table: { partitions: SETTLED },
    shards: [1, 4, 32],
    workersPerShard: WORKERS,
    part: 1,
    dashed: true,
  },
  {
    name: 'by ten, quota raised',
    batch: 10,
    table: { partitions: SETTLED, quota: RAISED },
    shards: [64, 100],
    workersPerShard: WORKERS,
    part: PART,
    dashed: true,
  },
  {
    name: 'by ten, a table just warmed for 40,000 write units',
    batch: 10,
    table: { partitions: 40 },
    shards: [8, 16, 32, 64, 100],
    workersPerShard: WORKERS,
    part: PART,
  },
  {
    name: 'one by one',
    batch: 1,
    table: { partitions: SETTLED },
    shards: [1, 4, 16, 64, 100],
    workersPerShard: WORKERS,
    part: PART,
  },
  {
    name: 'one by one, quota raised',
    batch: 1,
    table: { partitions: SETTLED, quota: RAISED },
    shards: [64, 100],
    workersPerShard: WORKERS,
    part: PART,
    dashed: true,
  },
  {
    name: 'by ten at 60 % of its shards',
    batch: 10,
    table: { partitions: SETTLED, quota: RAISED },
    shards: [1, 4, 16, 32],
    ...UNHURRIED,
    part: PART,
  },
]

/** Throughput and latency against the number of shards. */
export const throughputByShards = async (progress: Progress): Promise<Report> => {
  const measured: { curve: Curve; points: { shards: number; at: Steady }[] }[] = []
  for (const curve of CURVES) {
    const points: { shards: number; at: Steady }[] = []
    for (const shards of curve.shards) {
      const at = await steady({ ...curve, shards, seconds: 3, seed: shards })
      points.push({ shards, at })
      progress(`${curve.name}, ${shards} shards: ${Math.round(at.messagesPerSecond)} messages/s`)
    }
    measured.push({ curve, points })
  }
  const rows = measured.flatMap(({ curve, points }) => points.map(({ shards, at }) => rowOf(curve.name, shards, at)))
  return { table: markdown(HEADER, rows), plots: { 'scale-shards.svg': plotOf(measured) } }
}

const HEADER = [
  'Load',
  'Shards',
  'Messages/s',
  'Write units/s',
  'Read units/s',
  'Refused requests, %',
  'Publish p50, p99 ms',
  'Poll p50, p99 ms',
  'Ack p50, p99 ms',
]

const rowOf = (name: string, shards: number, at: Steady): (string | number)[] => [
  name,
  shards,
  at.messagesPerSecond,
  at.writeUnitsPerSecond,
  at.readUnitsPerSecond,
  at.throttledPart * 100,
  ...[at.publishMs, at.pollMs, at.ackMs].map(({ p50, p99 }) => `${p50}, ${p99}`),
]

const plotOf = (measured: readonly { curve: Curve; points: readonly { shards: number; at: Steady }[] }[]): string => {
  const saturated = measured.filter(({ curve }) => curve.pauseMs === undefined)
  const unhurried = measured.filter(({ curve }) => curve.pauseMs !== undefined)
  return svg({
    title: 'Messages a second that are published, polled and acked, by the number of shards',
    x: { label: 'shards of the queue', log: true, ticks: [1, 2, 4, 8, 16, 32, 64, 100] },
    panels: [
      {
        y: { label: 'messages a second', log: true, max: 500_000, min: 200 },
        series: saturated.map(({ curve: { name, dashed = false }, points }) => ({
          name,
          dashed,
          marked: true,
          points: points.map(({ shards, at }) => [shards, at.messagesPerSecond] as const),
        })),
        lines: [{ at: 100_000, name: '100,000 messages a second' }],
      },
      {
        y: { label: 'latency, ms' },
        series: unhurried.flatMap(({ points }) =>
          (['publishMs', 'pollMs', 'ackMs'] as const).map((what) => ({
            name: `${what.slice(0, -2)}, p99, at 60 % of the shards’ capacity`,
            marked: true,
            points: points.map(({ shards, at }) => [shards, at[what].p99] as const),
          })),
        ),
      },
    ],
  })
}
