import type { Measured } from '../cost/measured.ts'
import { PRICES, type Price } from '../cost/price.ts'
import type { Output } from './output.ts'
import { figure, thousands } from './words.ts'

/** What was counted, what it costs, and what SQS would cost, a line each. */
export const printCost = (out: Output, { usage, ...measured }: Measured, price: Price, fifo: boolean): void => {
  const { metered, deployed, table } = measured
  const row = (what: string, count?: number, dollars?: number): string[] => [
    what,
    count === undefined ? '' : thousands(Math.round(count)),
    count === undefined || usage.published === 0 ? '' : figure(count / usage.published),
    dollars === undefined ? '' : `$${figure(dollars)}`,
    dollars === undefined || usage.published === 0 ? '' : `$${figure((dollars / usage.published) * 1e6)}`,
  ]
  const rows = [
    row('messages published', usage.published),
    ...(metered
      ? [row('write units', usage.writeUnits, price.write), row('read units', usage.readUnits, price.read)]
      : []),
    ...(deployed
      ? [
          row('API requests', usage.requests, price.requests),
          row('function GB-seconds', usage.gbSeconds, price.compute),
        ]
      : []),
    ...(metered ? [row(deployed ? 'all of it' : 'DynamoDB', undefined, price.total)] : []),
    row(`SQS${fifo ? ' FIFO' : ''}, its requests`, usage.sqsRequests, price.sqs),
  ]
  out.table(['', 'COUNT', 'A MESSAGE', 'DOLLARS', 'A MILLION MESSAGES'], rows, [1, 2, 3, 4])
  out.text(
    `\nDollars are list prices of ${PRICES.region} as known in ${PRICES.asOf}, on demand and without free tiers.`,
  )
  if (!metered) out.text('This server keeps messages in no DynamoDB, so it meters no units: --engine dynamodb does.')
  if (table) out.text(tableText(table))
}

const tableText = ({ all, byFunctions }: NonNullable<Measured['table']>): string => {
  const rest = all.writeUnits + all.readUnits - byFunctions.writeUnits - byFunctions.readUnits
  const own = `${thousands(Math.round(all.writeUnits))} write units and ${thousands(Math.round(all.readUnits))} read units`
  return `The table used ${own} in all, ${thousands(Math.max(0, Math.round(rest)))} of them not by its functions: by the library, or by this command line.`
}
