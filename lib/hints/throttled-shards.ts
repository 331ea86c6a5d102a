import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'

/**
 * Shards whose partition DynamoDB throttled lately, as the publishes of this process found. Shards may share a partition of DynamoDB
 * for many minutes, until DynamoDB splits it, and then each has only a part of its throughput. So publishes prefer the others.
 */
export interface ThrottledShards {
  /** Records that a write to the shard was throttled; `shard` is its partition's id. */
  observe(shard: string): void
  isThrottled(shard: string): boolean
}

/** The mean time for which a shard is avoided. A random part keeps processes from coming back together. */
const AVOIDED_MS = 250
const MAX_SHARDS = 1_000

export const throttledShards = (clock: Clock, { fraction }: Random): ThrottledShards => {
  const until = new Map<string, number>()
  return {
    observe: (shard) => {
      if (until.size >= MAX_SHARDS) until.clear()
      until.set(shard, clock.now() + AVOIDED_MS * (0.5 + fraction()))
    },
    isThrottled: (shard) => {
      const end = until.get(shard)
      if (end === undefined) return false
      if (end > clock.now()) return true
      until.delete(shard)
      return false
    },
  }
}
