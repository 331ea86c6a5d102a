/**
 * Why a transaction was cancelled: one part of it that could not be done. `text` is the reason in words.
 *
 * `message` counts the messages that the transaction publishes, and `entry` the caller's own entries, both from 0.
 */
export type CancelReason = { readonly text: string } & (
  | {
      /** The lease ended, and another consumer has the message; in a FIFO queue: the lease ended. */
      readonly reason: 'lease-lost'
      readonly queue: string
      readonly receiptHandle: string
    }
  | {
      /** The message is acked already, or cancelled, moved or expired. */
      readonly reason: 'message-gone'
      readonly queue: string
      readonly receiptHandle: string
    }
  | {
      /** Another message has the deduplication id. */
      readonly reason: 'duplicate'
      readonly queue: string
      readonly message: number
      /** The id of the other message. */
      readonly messageId: string
    }
  | {
      /** Another publisher wrote to the group of a FIFO queue since the actions were built. */
      readonly reason: 'group-moved-on'
      readonly queue: string
    }
  | {
      /** `strict`: the queue was purged, changed or deleted since the actions were built. */
      readonly reason: 'queue-changed'
      readonly queue: string
    }
  | {
      /** A transaction with this id was committed, or given up for good. */
      readonly reason: 'id-taken'
      readonly transactionId: string
      /** Whether it was committed. */
      readonly committed: boolean
    }
  | {
      /** The condition of an entry of the caller's own did not hold. */
      readonly reason: 'condition'
      readonly entry: number
      /** What the condition met, where the entry asks for it (`ReturnValuesOnConditionCheckFailure`). */
      readonly item?: object
    }
  | {
      /** Another writer changed one of the items at the same time, or the database had no capacity for it. */
      readonly reason: 'conflict' | 'throttled'
      readonly entry?: number
      readonly queue?: string
    }
  | {
      /** The database does not accept the entry. */
      readonly reason: 'refused'
      readonly entry?: number
      readonly queue?: string
    }
)
