import type { QueueState } from '../model/queue-record.ts'
import type { SegmentPartition } from '../model/segment-key.ts'
import type { LaneMemory } from './poll-hints.ts'

/** A place to look for messages: one priority of one shard. */
export interface Lane {
  readonly queue: QueueState
  readonly partition: SegmentPartition
  readonly priority: number
  readonly memory: LaneMemory
}

/** What a poll still wants. */
export interface Request {
  readonly want: number
  readonly leaseMs: number
  readonly signal?: AbortSignal | undefined
}
