import type { Consumption } from '../../lib/store/dynamodb/consumption.ts'
import { METRICS, type MetricName } from './metric-names.ts'

/** What a queue used in some time. `cli/cost` makes prices of it. */
export interface Usage {
  /** On-demand units of DynamoDB. */
  readonly readUnits: number
  readonly writeUnits: number
  /** Messages. */
  readonly published: number
  /** Requests that functions answered. */
  readonly requests: number
  /** Requests that SQS would have billed for the same work. */
  readonly sqsRequests: number
  /** Memory of the functions times the seconds of their invocations. */
  readonly gbSeconds: number
}

export const NO_USAGE: Usage = {
  readUnits: 0,
  writeUnits: 0,
  published: 0,
  requests: 0,
  sqsRequests: 0,
  gbSeconds: 0,
}

export const addUsage = (usage: Usage, more: Partial<Usage>): Usage => ({
  readUnits: usage.readUnits + (more.readUnits ?? 0),
  writeUnits: usage.writeUnits + (more.writeUnits ?? 0),
  published: usage.published + (more.published ?? 0),
  requests: usage.requests + (more.requests ?? 0),
  sqsRequests: usage.sqsRequests + (more.sqsRequests ?? 0),
  gbSeconds: usage.gbSeconds + (more.gbSeconds ?? 0),
})

/** A request that an operation on a queue answered. */
export interface Answered {
  readonly queue: string
  readonly counted: Readonly<Partial<Record<MetricName, number>>>
  /** Bytes of the request or of its answer, whichever is larger. */
  readonly bytes: number
}

/** Entries of a batch, and bytes, that SQS bills as one request: https://aws.amazon.com/sqs/pricing/ */
const SQS_BATCH = 10
const SQS_CHUNK_BYTES = 65_536

export const usageOfRequest = ({ counted, bytes }: Answered): Partial<Usage> => {
  const entries = Object.values(counted).reduce((sum, count) => sum + count, 0)
  return {
    published: counted[METRICS.published] ?? 0,
    requests: 1,
    sqsRequests: Math.max(1, Math.ceil(entries / SQS_BATCH), Math.ceil(bytes / SQS_CHUNK_BYTES)),
  }
}

export const usageOfConsumption = ({ kind, units }: Consumption): Partial<Usage> =>
  kind === 'read' ? { readUnits: units } : { writeUnits: units }
