import type { Clock } from '../../lib/clock.ts'
import type { Consumption } from '../../lib/store/dynamodb/consumption.ts'
import { type Answered, addUsage, NO_USAGE, type Usage, usageOfConsumption, usageOfRequest } from '../runtime/usage.ts'

/** What a queue used in a time that ends now. */
export interface UsageAnswer extends Usage {
  readonly queue: string
  /** ISO 8601. Not before the start of the server. */
  readonly from: string
  readonly to: string
  /** Whether messages are kept in a DynamoDB, which meters units. */
  readonly metered: boolean
}

export interface UsageLog {
  request(answered: Answered): void
  consumed(consumption: Consumption): void
  /** @param seconds how far back, at most a day */
  read(queue: string, seconds: number): UsageAnswer
}

const MINUTE_MS = 60_000
const KEPT_MINUTES = 1_440

/** What queues used on this server, minute by minute, for a day. In Lambda the log has it. */
export const usageLog = (clock: Pick<Clock, 'now'>, metered: boolean): UsageLog => {
  const startedAt = clock.now()
  const minutes = new Map<number, Map<string, Usage>>()
  const add = (queue: string, more: Partial<Usage>) => {
    const minute = Math.floor(clock.now() / MINUTE_MS)
    const used = minutes.get(minute) ?? new Map<string, Usage>()
    if (!minutes.has(minute)) {
      for (const old of minutes.keys()) if (old <= minute - KEPT_MINUTES) minutes.delete(old)
      minutes.set(minute, used)
    }
    used.set(queue, addUsage(used.get(queue) ?? NO_USAGE, more))
  }
  return {
    request: (answered) => add(answered.queue, usageOfRequest(answered)),
    consumed: (consumption) => {
      if (consumption.queue !== undefined) add(consumption.queue, usageOfConsumption(consumption))
    },
    read: (queue, seconds) => {
      const now = clock.now()
      const from = Math.max(startedAt, now - Math.max(0, Math.min(seconds, KEPT_MINUTES * 60)) * 1_000)
      const used = [...minutes].filter(([minute]) => (minute + 1) * MINUTE_MS > from)
      const usage = used.reduce((sum, [, queues]) => addUsage(sum, queues.get(queue) ?? NO_USAGE), NO_USAGE)
      return { queue, from: new Date(from).toISOString(), to: new Date(now).toISOString(), metered, ...usage }
    },
  }
}
