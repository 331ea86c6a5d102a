import type { Segment } from '../model/segment.ts'
import { partitionId, priorityOf, type SegmentKey, type SegmentPartition } from '../model/segment-key.ts'
import { type Contention, contention } from './contention.ts'
import type { SnapshotHints } from './in-flight-snapshot.ts'
import { type Recent, recent } from './recent.ts'
import { type Reservations, reservations } from './reservations.ts'
import { ScanCache } from './scan-cache/scan-cache.ts'
import { TicketCache } from './ticket-cache.ts'

/** What the polls of this process learned about one priority of one shard. */
export interface TargetHints {
  readonly scanCache: ScanCache
  /** The in-flight snapshot that processes share. */
  readonly snapshot: SnapshotHints
  readonly contention: Contention
  /** Messages that a poll of this process is claiming right now, so that the others leave them to it. */
  readonly reserved: Reservations
  /** The segments that this process claimed last, as its claims left them. */
  readonly newest: Recent<Segment>
  /** By sort key: when this process first read a header whose messages are all gone, epoch ms. */
  readonly emptied: Map<string, number>
  /** The number of polls of this process that scan the target right now. */
  scanning: number
  /** The recent average duration of a Query, ms. */
  roundTripMs: number
  /** The recent average number of receivable messages in a header. */
  density: number
}

export interface PollHints {
  /** Message groups that a poll of this process is polling right now. */
  readonly polledGroups: Set<string>
  /**
   * By the id of a group's partition: the last number of the ticket, when no poll has found the message of that number yet. `since` is when
   * a poll first missed the message, epoch ms.
   */
  readonly missedNumbers: Map<string, { readonly lastSequence: string; readonly since: number }>
  /** The tickets of a shard. */
  tickets(shard: SegmentPartition): TicketCache
  target(partition: SegmentPartition, priority: number): TargetHints
  /** Records that an operation of this process made a message visible. */
  release(key: SegmentKey): void
  /** Records that a segment no longer exists. */
  gone(key: SegmentKey): void
}

const MAX_PARTITIONS = 10_000
const MAX_SHARDS = 1_000
const NEWEST_KEPT = 256

export const pollHints = (): PollHints => {
  /** By partition, then by priority. */
  const targets = new Map<string, TargetHints[]>()
  const shards = new Map<string, TicketCache>()
  const targetOf = ({ partition, sort }: SegmentKey) => targets.get(partitionId(partition))?.[priorityOf(sort)]
  return {
    polledGroups: new Set(),
    missedNumbers: new Map(),
    tickets: ({ group: _, ...shard }) => {
      const id = partitionId(shard)
      let cache = shards.get(id)
      if (!cache) {
        if (shards.size >= MAX_SHARDS) shards.clear()
        cache = new TicketCache()
        shards.set(id, cache)
      }
      return cache
    },
    target: (partition, priority) => {
      const id = partitionId(partition)
      let ofPartition = targets.get(id)
      if (!ofPartition) {
        if (targets.size >= MAX_PARTITIONS) targets.clear()
        ofPartition = []
        targets.set(id, ofPartition)
      }
      ofPartition[priority] ??= newTargetHints()
      return ofPartition[priority]
    },
    release: (key) => targetOf(key)?.scanCache.release(key.sort),
    gone: (key) => targetOf(key)?.scanCache.gone(key.sort),
  }
}

const newTargetHints = (): TargetHints => ({
  scanCache: new ScanCache(),
  snapshot: {},
  contention: contention(),
  reserved: reservations(),
  newest: recent(NEWEST_KEPT),
  emptied: new Map(),
  scanning: 0,
  roundTripMs: 0,
  density: 1,
})
