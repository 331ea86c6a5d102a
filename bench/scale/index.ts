import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { manyQueues } from './many-queues.ts'
import { outage } from './outage.ts'
import type { Progress, Report } from './report.ts'
import { shardsOverTime } from './shards-over-time.ts'
import { throughputByShards } from './throughput-by-shards.ts'

const HELP = `Usage: npm run bench:scale -- [options]

Runs the engine in virtual time on a model of DynamoDB's partitions, and writes the plots of docs/scale.md. See there.

  --only PARTS    some of: shards, rise, outage, queues
                  (with commas between)
  --out FOLDER    where the plots go (default docs/images)
  --help
`

const QUESTIONS: Readonly<Record<string, (progress: Progress) => Promise<Report>>> = {
  shards: throughputByShards,
  rise: shardsOverTime,
  outage,
  queues: manyQueues,
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    out: { type: 'string', default: 'docs/images' },
    help: { type: 'boolean', default: false },
  },
})

const run = async () => {
  for (const name of values.only?.split(',') ?? Object.keys(QUESTIONS)) {
    const question = QUESTIONS[name]
    if (!question) throw new Error(`--only knows ${Object.keys(QUESTIONS).join(', ')}, not ${name}`)
    const startedAt = Date.now()
    const { table, plots } = await question((line) => console.error(line))
    mkdirSync(values.out, { recursive: true })
    for (const [file, plot] of Object.entries(plots)) writeFileSync(join(values.out, file), plot)
    console.log(`\n${name} (${Math.round((Date.now() - startedAt) / 1_000)} s)\n\n${table}`)
  }
}

if (values.help) console.log(HELP)
else await run()
