import type { Usage } from '../../functions/runtime/usage.ts'

/**
 * List prices of us-east-1 in US dollars, without free tiers, as known in November 2026: those of https://aws.amazon.com/dynamodb/pricing/on-demand/,
 * https://aws.amazon.com/lambda/pricing/ (Arm), https://aws.amazon.com/api-gateway/pricing/ (HTTP APIs) and https://aws.amazon.com/sqs/pricing/.
 */
export const PRICES = {
  region: 'us-east-1',
  asOf: 'November 2026',
  /** Prices for a million units. */
  million: {
    writeUnits: 0.625,
    readUnits: 0.125,
    apiRequests: 1,
    functionRequests: 0.2,
    sqsStandard: 0.4,
    sqsFifo: 0.5,
  },
  gbSecond: 0.000_013_333_4,
} as const

export interface Price {
  /** Price of DynamoDB's units, in US dollars like all members. */
  readonly write: number
  readonly read: number
  /** API Gateway and Lambda. */
  readonly requests: number
  readonly compute: number
  readonly total: number
  /** What SQS costs for the same messages. */
  readonly sqs: number
}

const MILLION = 1e6

/**
 * What a usage costs, and what SQS would have cost.
 *
 * @param deployed whether API Gateway and Lambda answered the requests
 */
export const priceOf = (
  usage: Usage,
  { fifo, deployed }: { readonly fifo: boolean; readonly deployed: boolean },
): Price => {
  const { million, gbSecond } = PRICES
  const write = (usage.writeUnits * million.writeUnits) / MILLION
  const read = (usage.readUnits * million.readUnits) / MILLION
  const requests = ((deployed ? usage.requests : 0) * (million.apiRequests + million.functionRequests)) / MILLION
  const compute = usage.gbSeconds * gbSecond
  const sqs = (usage.sqsRequests * (fifo ? million.sqsFifo : million.sqsStandard)) / MILLION
  return { write, read, requests, compute, total: write + read + requests + compute, sqs }
}
