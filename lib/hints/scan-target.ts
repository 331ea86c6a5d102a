import type { QueueState } from '../model/queue-record.ts'
import type { SegmentPartition } from '../model/segment-key.ts'
import type { TargetHints } from './poll-hints.ts'

/** What one scan reads: one priority of one shard. */
export interface ScanTarget {
  readonly queue: QueueState
  readonly partition: SegmentPartition
  readonly priority: number
  readonly hints: TargetHints
}

/** The messages that a poll still wants. */
export interface Request {
  readonly want: number
  readonly leaseMs: number
  readonly signal?: AbortSignal | undefined
  /** Waits for the bytes of all messages of the poll. To be called before they are leased. @default no bound */
  readonly acquireBudget?: (() => Promise<void>) | undefined
}
