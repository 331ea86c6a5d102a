import type { ThrottleReason } from './errors.ts'

/** Something that operators count. */
export type EngineEvent =
  /** Conditional writes of a poll that failed because another poller had claimed the messages. */
  | { readonly type: 'lost-race'; readonly queue: string; readonly count: number }
  | {
      readonly type: 'dead-lettered'
      readonly queue: string
      /** The dead-letter queue. */
      readonly target: string
      readonly count: number
      /** Why, as it is kept with the messages. */
      readonly reason: string
    }
  /** A message is due for its dead-letter queue, which does not exist. The message stays where it is. */
  | { readonly type: 'dead-letter-queue-missing'; readonly queue: string; readonly target: string }
  /** A publisher was throttled, in the partition of this shard or of a group in it. */
  | { readonly type: 'throttled'; readonly queue: string; readonly shard: number; readonly reason: ThrottleReason }
  | { readonly type: 'shards-raised'; readonly queue: string; readonly shards: number }
  /** A poller halved the number of shards that publishers had raised. */
  | { readonly type: 'shards-lowered'; readonly queue: string; readonly shards: number }
  /** A header whose content never arrived was deleted: its publish never succeeded. */
  | { readonly type: 'orphan-dropped'; readonly queue: string }
  /**
   * A stored item can't be read: it is damaged, or a newer version of Holdfast wrote it. Its messages stay where they are, and are tried
   * again after a while.
   */
  | {
      readonly type: 'unreadable'
      readonly queue: string
      /** The item's partition key and sort key. */
      readonly item: string
      readonly reason: string
    }
  /** The follow-up work of a change failed, such as freeing the message group. The change itself has succeeded. */
  | { readonly type: 'follow-up-failed'; readonly queue: string; readonly error: unknown }

export type Observer = (event: EngineEvent) => void
