import { Option } from 'commander'
import { type Measured, measure } from '../cost/measured.ts'
import { PRICES, type Price, priceOf } from '../cost/price.ts'
import { durationOption } from '../options.ts'
import { printCost } from '../output/cost.ts'
import { duration } from '../output/words.ts'
import { verb } from '../verb.ts'

interface CostOptions {
  readonly last: number
  readonly stack?: string
}

const A_DAY = 86_400

const DETAILS = [
  "Of a deployment, the command sums up what the functions write into their logs at each request: the units that DynamoDB billed for it, and what SQS would have billed. Programs that use the library on the table write no such lines, and neither does this command: with --table, their units are the difference to the table's own metrics, which the command shows too.",
  'Of a local server, the command shows what the server counted since its start, for a day at most. Units are known under --engine dynamodb.',
  `Dollars are list prices of ${PRICES.region} as known in ${PRICES.asOf}, on demand and without free tiers. Storage, logs, and what a deployment costs while idle are not in them.`,
  'Your role needs logs:DescribeLogGroups, logs:StartQuery and logs:GetQueryResults, for --table also cloudwatch:GetMetricData, dynamodb:DescribeTable and dynamodb:ListTagsOfResource. CloudWatch charges for the logs that a query reads, $0.005 a GB.',
].join('\n\n')

export const cost = verb<CostOptions>({
  syntax: 'cost <queue>',
  group: 'Look',
  summary: 'show what a queue costs: units and dollars a message, beside SQS',
  details: DETAILS,
  options: () => [
    durationOption('--last <duration>', 'the time that ends now').default(A_DAY, '24h'),
    new Option('--stack <name>', "the CloudFormation stack of the functions (default: that of the table's tags)"),
  ],
  examples: [
    ['holdfast cost orders', 'the last day'],
    ['holdfast cost orders --last 7d --table holdfast', 'the last week of a deployed queue'],
    ['holdfast cost orders --json | jq .dollars.aMessage', 'dollars a message'],
  ],
  run: async (session, [queue = ''], { last, stack }) => {
    const { target, out, signal } = session
    const { fifo } = await target.call('getQueue', { params: { queue }, signal })
    const measured = await measure(session, queue, { seconds: last, stack })
    const price = priceOf(measured.usage, { fifo: fifo !== undefined, deployed: measured.deployed })
    if (out.json) out.record(recordOf(queue, measured, price))
    else {
      out.text(`${out.style('bold', queue)} at ${target.name}, the last ${duration(measured.to - measured.from)}\n`)
      printCost(out, measured, price, fifo !== undefined)
    }
  },
})

/** The value for each message. Undefined without messages, since JSON has no number for a division by 0. */
const each = (value: number, { usage: { published } }: Measured): number | undefined =>
  published === 0 ? undefined : short(value / published)

/** Rounds off the error of floating-point sums. */
const short = (value: number): number => Number(value.toPrecision(9))

const recordOf = (queue: string, measured: Measured, price: Price) => {
  const { usage, from, to, metered, table } = measured
  const { sqs, ...own } = Object.fromEntries(
    Object.entries(price).map(([name, dollars]) => [name, short(dollars)]),
  ) as unknown as Price
  const { readUnits, writeUnits, ...counted } = usage
  return {
    queue,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    ...counted,
    ...(metered && {
      readUnits,
      writeUnits,
      readUnitsAMessage: each(readUnits, measured),
      writeUnitsAMessage: each(writeUnits, measured),
      dollars: { ...own, aMessage: each(own.total, measured) },
    }),
    sqsDollars: { total: sqs, aMessage: each(sqs, measured) },
    ...(table && { table: table.all, functions: table.byFunctions }),
    prices: PRICES,
  }
}
