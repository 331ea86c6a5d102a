import { markdown, type Progress, type Report } from './report.ts'
import { type RisingParts, risingLoad, type Span } from './rising-load.ts'
import { type Panel, svg } from './svg.ts'

/** The model's table and loads have this part of their size: partitions of 10 write units a second. */
const PART = 0.01
/** How long a partition is hot before DynamoDB splits it: assumed, since AWS publishes no figure. */
const SPLIT_AFTER_MS = 300_000
const STEPS = [
  [0, 100],
  [60, 1_000],
  [120, 10_000],
  [240, 100_000],
] as const

const COMMON = { batch: 10, consumers: 500, part: PART, seed: 7 }

const SCENARIOS: readonly { readonly name: string; readonly file: string; readonly parts: RisingParts }[] = [
  {
    name: '100 to 100,000 messages a second and back, on a table warmed for 40,000 write units',
    file: 'scale-rise-warm.svg',
    parts: {
      ...COMMON,
      steps: [...STEPS, [900, 100]],
      seconds: 5_400,
      table: { partitions: 40, splitAfterMs: SPLIT_AFTER_MS },
    },
  },
  {
    name: '100 to 100,000 messages a second on a new table',
    file: 'scale-rise-new.svg',
    parts: {
      ...COMMON,
      steps: STEPS,
      seconds: 1_800,
      table: { partitions: 4, splitAfterMs: SPLIT_AFTER_MS },
    },
  },
]

/** How the shards of a queue follow its load. */
export const shardsOverTime = async (progress: Progress): Promise<Report> => {
  const plots: Record<string, string> = {}
  const rows: (string | number)[][] = []
  for (const { name, file, parts } of SCENARIOS) {
    const spans = await risingLoad(parts)
    progress(`${name}: ${spans.at(-1)?.shards} shards, ${spans.at(-1)?.partitions} partitions in the end`)
    plots[file] = svg({ title: name, x: { label: 'minutes' }, panels: panelsOf(spans) })
    rows.push(...spans.filter(isShown).map((span) => [file, ...rowOf(span)]))
  }
  return { table: markdown(['Plot', ...HEADER], rows), plots }
}

const HEADER = [
  'Seconds',
  'Published/s',
  'Acked/s',
  'Failed/s',
  'Refused requests/s',
  'Write units/s',
  'Read units/s',
  'Shards',
  'Partitions',
  'Publish p50, p99 ms',
  'Publish to receive p50, p99 ms',
]
const rowOf = (span: Span): (string | number)[] => [
  span.at,
  span.published,
  span.acked,
  span.failed,
  span.throttled,
  span.writeUnits,
  span.readUnits,
  span.shards,
  span.partitions,
  span.publishMs.join(', '),
  span.ageMs.join(', '),
]
/** Every span of the first minutes of a step, and then one in a few. */
const isShown = ({ at }: Span): boolean =>
  at % 300 === 0 || (at < 900 && at % 60 === 0) || (at >= 240 && at <= 360 && at % 15 === 0)

const panelsOf = (spans: readonly Span[]): Panel[] => {
  const line = (name: string, of: (span: Span) => number) => ({
    name,
    points: spans.map((span) => [span.at / 60, of(span)] as const),
  })
  return [
    {
      y: { label: 'messages a second' },
      series: [
        line('published', ({ published }) => published),
        line('acked', ({ acked }) => acked),
        line('publishes that failed', ({ failed }) => failed),
      ],
    },
    {
      y: { label: 'number', log: true, min: 1 },
      series: [line('shards', ({ shards }) => shards), line('DynamoDB’s partitions', ({ partitions }) => partitions)],
    },
    {
      y: { label: 'a second' },
      series: [
        line('refused requests', ({ throttled }) => throttled),
        line('read units', ({ readUnits }) => readUnits),
        line('write units', ({ writeUnits }) => writeUnits),
      ],
      lines: [{ at: 40_000, name: 'quota of the table, each of reads and writes' }],
    },
    {
      y: { label: 'ms', log: true, min: 1 },
      series: [
        line('publish, p99', ({ publishMs: [, p99] }) => Math.max(1, p99)),
        line('from publish to receive, p50', ({ ageMs: [p50] }) => Math.max(1, p50)),
        line('from publish to receive, p99', ({ ageMs: [, p99] }) => Math.max(1, p99)),
      ],
    },
  ]
}
