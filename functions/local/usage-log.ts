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
/** Entries of all minutes together, each one queue's in one minute: about 20 MB. Requests may name any number of queues. */
const MAX_ENTRIES = 100_000

/** What queues used on this server, minute by minute, for a day. In Lambda the log has it. */
export const usageLog = (clock: Pick<Clock, 'now'>, metered: boolean): UsageLog => {
  const minutes = keptMinutes(clock.now())
  const add = (queue: string, more: Partial<Usage>) => {
    const used = minutes.at(Math.floor(clock.now() / MINUTE_MS))
    if (!used.has(queue) && !minutes.hasPlace()) return
    used.set(queue, addUsage(used.get(queue) ?? NO_USAGE, more))
  }
  return {
    request: (answered) => add(answered.queue, usageOfRequest(answered)),
    consumed: (consumption) => {
      if (consumption.queue !== undefined) add(consumption.queue, usageOfConsumption(consumption))
    },
    read: (queue, seconds) => {
      const now = clock.now()
      const from = Math.max(minutes.since(), now - Math.max(0, Math.min(seconds, KEPT_MINUTES * 60)) * 1_000)
      const used = minutes.all().filter(([minute]) => (minute + 1) * MINUTE_MS > from)
      const usage = used.reduce((sum, [, queues]) => addUsage(sum, queues.get(queue) ?? NO_USAGE), NO_USAGE)
      return { queue, from: new Date(from).toISOString(), to: new Date(now).toISOString(), metered, ...usage }
    },
  }
}

/**
 * The usage of the minutes that are kept. When there are too many entries, the oldest minute goes, and `since` says so. Where one minute
 * alone has too many, it takes no more.
 */
const keptMinutes = (startedAt: number) => {
  const minutes = new Map<number, Map<string, Usage>>()
  let since = startedAt
  const drop = (minute: number): void => {
    minutes.delete(minute)
    since = Math.max(since, (minute + 1) * MINUTE_MS)
  }
  return {
    since: (): number => since,
    all: () => [...minutes],
    at: (minute: number): Map<string, Usage> => {
      const known = minutes.get(minute)
      if (known) return known
      for (const old of [...minutes.keys()]) if (old <= minute - KEPT_MINUTES) drop(old)
      const used = new Map<string, Usage>()
      minutes.set(minute, used)
      return used
    },
    /** Makes place for one more entry, if it can. */
    hasPlace: (): boolean => {
      let entries = 0
      for (const used of minutes.values()) entries += used.size
      for (const [old, used] of [...minutes]) {
        if (entries < MAX_ENTRIES || minutes.size === 1) break
        drop(old)
        entries -= used.size
      }
      return entries < MAX_ENTRIES
    },
  }
}
