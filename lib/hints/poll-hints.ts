import type { Segment } from '../model/segment.ts'
import { partitionId, priorityOf, type SegmentKey, type SegmentPartition } from '../model/segment-key.ts'
import { type Contention, contention } from './contention.ts'
import type { FrontMemory } from './in-flight-snapshot.ts'
import { type Recent, recent } from './recent.ts'
import { type Reservations, reservations } from './reservations.ts'
import { type Skips, skips } from './scan-cache.ts'
import { type TicketMemory, ticketMemory } from './ticket-cache.ts'

/** What the polls of this process learned about one priority of one shard. */
export interface LaneMemory {
  readonly skips: Skips
  /** What other processes were told and what they told. */
  readonly front: FrontMemory
  readonly contention: Contention
  /** Messages that a poll of this process is claiming right now, so that the others leave them to it. */
  readonly reserved: Reservations
  /** Segments as this process's own claims left them, the latest few. */
  readonly newest: Recent<Segment>
  /** When headers were first seen whose messages were all gone, epoch ms. */
  readonly emptied: Map<string, number>
  /** Polls of this process that scan here right now. */
  scanning: number
  /** What a Query takes lately, ms. */
  roundTripMs: number
  /** Messages that a header held on average, lately. */
  density: number
}

export interface PollMemory {
  /** Message groups that a poll of this process is polling right now. */
  readonly busyGroups: Set<string>
  /** Numbers given in groups that were empty then, and since when. */
  readonly missedNumbers: Map<string, { readonly lastSequence: string; readonly since: number }>
  /** The tickets of a shard. */
  tickets(shard: SegmentPartition): TicketMemory
  lane(partition: SegmentPartition, priority: number): LaneMemory
  /** A message of this process's doing became visible. */
  release(key: SegmentKey): void
  /** A segment is no longer there. */
  gone(key: SegmentKey): void
}

const MAX_PARTITIONS = 10_000
const MAX_SHARDS = 1_000
const NEWEST_KEPT = 256

export const pollMemory = (): PollMemory => {
  /** By partition, then by priority. */
  const lanes = new Map<string, LaneMemory[]>()
  const shards = new Map<string, TicketMemory>()
  const laneOf = ({ partition, sort }: SegmentKey) => lanes.get(partitionId(partition))?.[priorityOf(sort)]
  return {
    busyGroups: new Set(),
    missedNumbers: new Map(),
    tickets: ({ group: _, ...shard }) => {
      const id = partitionId(shard)
      let memory = shards.get(id)
      if (!memory) {
        if (shards.size >= MAX_SHARDS) shards.clear()
        memory = ticketMemory()
        shards.set(id, memory)
      }
      return memory
    },
    lane: (partition, priority) => {
      const id = partitionId(partition)
      let ofPartition = lanes.get(id)
      if (!ofPartition) {
        if (lanes.size >= MAX_PARTITIONS) lanes.clear()
        ofPartition = []
        lanes.set(id, ofPartition)
      }
      ofPartition[priority] ??= newLane()
      return ofPartition[priority]
    },
    release: (key) => laneOf(key)?.skips.release(key.sort),
    gone: (key) => laneOf(key)?.skips.gone(key.sort),
  }
}

const newLane = (): LaneMemory => ({
  skips: skips(),
  front: {},
  contention: contention(),
  reserved: reservations(),
  newest: recent(NEWEST_KEPT),
  emptied: new Map(),
  scanning: 0,
  roundTripMs: 0,
  density: 1,
})
