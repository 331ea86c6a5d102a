import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { clientFigures } from './client-figures.ts'
import { consoleFigures } from './console.ts'
import { depthFigures } from './depth-figures.ts'
import { fifoFigures } from './fifo-figures.ts'
import { type Figure, hasGoal, isMet, printFigure } from './figures.ts'
import { memoryDepthFigures } from './memory-depth.ts'
import { raceFigures } from './race-figures.ts'
import { resultFigures } from './result-figures.ts'
import { type Rig, startRig } from './rig.ts'
import { throughputFigures } from './throughput.ts'
import { triggerFigures } from './trigger-figures.ts'
import { unitFigures } from './units.ts'

const HELP = `Usage: npm run bench -- [options]

Measures the engine on an embedded DynamoDB engine behind a meter that counts requests and consumed units.

  --only PARTS    measure only these parts, separated by commas: units, races, depth, fifo, memory, throughput, client,
                  results, triggers, console
  --million       also measure a queue with 1,000,000 messages waiting, and a group with 200,000 (some minutes)
  --latency MS    delay each answer of the table, as a network would (default 0)
  --messages N    number of messages in each race (default 2000)
  --json          print one JSON document instead of tables
  --help          print this text
`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    million: { type: 'boolean', default: false },
    latency: { type: 'string', default: '0' },
    messages: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const amount = (option: string, text: string): number => {
  if (!/^\d+$/.test(text)) throw new Error(`--${option} must be a whole number, not ${text}`)
  return Number(text)
}
const latencyMs = amount('latency', values.latency)
const messages = amount('messages', values.messages)

const PARTS = {
  units: unitFigures,
  races: (rig: Rig) => raceFigures(rig, { messages }),
  depth: (rig: Rig) => depthFigures(rig, { million: values.million }),
  fifo: (rig: Rig) => fifoFigures(rig, { million: values.million }),
  memory: () => memoryDepthFigures(values.million ? 1_000_000 : 100_000),
  throughput: throughputFigures,
  client: clientFigures,
  results: resultFigures,
  triggers: triggerFigures,
  console: consoleFigures,
} satisfies Record<string, (rig: Rig) => Promise<Figure[]>>

const chosen = (values.only?.split(',') ?? Object.keys(PARTS)).map((part) => {
  if (!(part in PARTS)) throw new Error(`--only takes some of ${Object.keys(PARTS).join(', ')}, not ${part}`)
  return part as keyof typeof PARTS
})

const print = (figures: readonly Figure[]) => {
  for (const [at, figure] of figures.entries()) {
    if (figure.section !== figures[at - 1]?.section) console.log(`\n${figure.section}`)
    console.log(printFigure(figure))
  }
}

const run = async () => {
  const settings = {
    engine: '@dynoxide in memory, one process, on 127.0.0.1',
    node: process.version,
    cpus: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    latencyMs,
    raceMessages: messages,
    queue: 'one shard, one priority',
  }
  if (!values.json)
    console.log(
      Object.entries(settings)
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n'),
    )
  const measured: Figure[] = []
  for (const part of chosen) {
    // Each part has its own table, so that the items of one part do not slow the next.
    const rig = await startRig({ latencyMs })
    try {
      const figures = await PARTS[part](rig)
      measured.push(...figures)
      if (!values.json) print(figures)
    } finally {
      await rig.stop()
    }
  }
  const missed = measured.filter((figure) => !isMet(figure))
  if (values.json) {
    console.log(
      JSON.stringify({ settings, figures: measured.map((figure) => ({ ...figure, met: isMet(figure) })) }, null, 2),
    )
  } else console.log(`\n${measured.filter(hasGoal).length - missed.length} goals met, ${missed.length} missed`)
  if (missed.length > 0) process.exitCode = 1
}

if (values.help) console.log(HELP)
else await run()
