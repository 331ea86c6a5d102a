import type { Consumption } from '../../lib/store/dynamodb/consumption.ts'
import { type Answered, addUsage, NO_USAGE, type Usage, usageOfConsumption, usageOfRequest } from './usage.ts'

/**
 * What queues used, as lines in the log of a Lambda function: one line for each queue of an invocation. `holdfast cost` sums them
 * up. They are no metrics, since CloudWatch charges each metric of each queue for each hour.
 */
export const USAGE_LINE = 'usage'

const used = new Map<string, Usage>()

const add = (queue: string, more: Partial<Usage>): void =>
  void used.set(queue, addUsage(used.get(queue) ?? NO_USAGE, more))

export const countConsumption = (consumption: Consumption): void => {
  if (consumption.queue !== undefined) add(consumption.queue, usageOfConsumption(consumption))
}

export const countRequest = (answered: Answered): void => add(answered.queue, usageOfRequest(answered))

/** Counts a batch of a trigger, which SQS would have received and deleted. */
export const countBatch = (queue: string): void => add(queue, { sqsRequests: 2 })

const MB_IN_A_GB = 1_024

/**
 * Writes what queues used since the last call. The time of the invocation is divided between them.
 *
 * @param ms how long the invocation took
 */
export const writeUsage = (ms: number): void => {
  const { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: megabytes = '0', POWERTOOLS_SERVICE_NAME: service } = process.env
  const gbSeconds = ((Number(megabytes) / MB_IN_A_GB) * ms) / 1_000 / Math.max(1, used.size)
  for (const [queue, usage] of used) {
    const line = { holdfast: USAGE_LINE, service, queue, ...rounded(addUsage(usage, { gbSeconds })) }
    // Not `console.log`, before which Lambda puts a time and a request id: the line would be no JSON.
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
  used.clear()
}

const rounded = (usage: Usage): Partial<Usage> =>
  Object.fromEntries(
    Object.entries(usage).flatMap(([field, value]) => (value === 0 ? [] : [[field, Math.round(value * 1e6) / 1e6]])),
  )
