import type { Kind, Refusal } from './physical-table.ts'

/** Sums of one second of virtual time. */
export interface Second {
  published: number
  received: number
  acked: number
  /** Publishes that failed after all tries. */
  failed: number
  /** Acks that failed after all tries. */
  unacked: number
  writeUnits: number
  readUnits: number
  requests: number
  throttled: Record<Refusal, number>
  /** Latencies of operations that ended in this second, ms. */
  latencies: Record<Operation, number[]>
  /** From a message's publish to its receive, ms. */
  ages: number[]
}
export type Operation = 'publish' | 'poll' | 'ack'

const newSecond = (): Second => ({
  published: 0,
  received: 0,
  acked: 0,
  failed: 0,
  unacked: 0,
  writeUnits: 0,
  readUnits: 0,
  requests: 0,
  throttled: { KeyRangeThroughputExceeded: 0, AccountLimitExceeded: 0 },
  latencies: { publish: [], poll: [], ack: [] },
  ages: [],
})

/** What happened, second by second. */
export const newMeter = (startAt: number) => {
  const seconds = new Map<number, Second>()
  const secondAt = (now: number): Second => {
    const index = Math.floor((now - startAt) / 1_000)
    let second = seconds.get(index)
    if (!second) {
      second = newSecond()
      seconds.set(index, second)
    }
    return second
  }
  return {
    /** Seconds in which something happened, from one up to another. */
    seconds: (from = 0, to = Number.POSITIVE_INFINITY): readonly Second[] =>
      [...seconds].flatMap(([index, second]) => (index >= from && index < to ? [second] : [])),
    served: (kind: Kind, units: number, now: number): void => {
      const second = secondAt(now)
      second.requests++
      second[kind === 'write' ? 'writeUnits' : 'readUnits'] += units
    },
    refused: (reason: Refusal, _: Kind, now: number): void => {
      const second = secondAt(now)
      second.requests++
      second.throttled[reason]++
    },
    took: (operation: Operation, ms: number, now: number): void => void secondAt(now).latencies[operation].push(ms),
    count: (what: 'published' | 'received' | 'acked' | 'failed' | 'unacked', messages: number, now: number): void => {
      secondAt(now)[what] += messages
    },
    waited: (ms: number, now: number): void => void secondAt(now).ages.push(ms),
  }
}
export type Meter = ReturnType<typeof newMeter>

export const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0)

/** The value below which this part of the values lies; 0 for none. */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
}
