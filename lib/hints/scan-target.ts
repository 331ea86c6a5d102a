import type { QueueState } from '../model/queue-record.ts'
import type { SegmentPartition } from '../model/segment-key.ts'
import type { TargetHints } from './poll-hints.ts'

/** A place to look for messages: one priority of one shard. */
export interface ScanTarget {
  readonly queue: QueueState
  readonly partition: SegmentPartition
  readonly priority: number
  readonly hints: TargetHints
}

/** What a poll still wants. */
export interface Request {
  readonly want: number
  readonly leaseMs: number
  readonly signal?: AbortSignal | undefined
}
