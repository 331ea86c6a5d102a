import type { Document } from './document.ts'
import { LIMITS } from './limits.ts'
import type { JsonValue } from './message.ts'

/**
 * Which partitions of a queue hold messages: what publishers and pollers themselves note about a queue. It is an item of its
 * own, apart from the queue's record, so that a role that publishes can note it without the right to rewrite the
 * queue's settings.
 *
 * A publisher's role may write anything here, so nothing in it is trusted further than this: it can add shards, up to
 * the limit, and never take away those of the settings; and a FIFO queue ignores its shards, because a group's sequence numbers
 * follow from their number.
 */
export interface QueueLayout {
  /** Of the queue's life that it describes; a queue created anew ignores the layout of the one before. */
  readonly generation: string
  /** Shards that publishers spread over. */
  readonly shards: number
  /** Shards that may still hold messages; more than `shards` after their number was lowered. */
  readonly pollShards: number
  /** Whether a message with a group was ever published to a standard queue. Only then do polls scan groups. */
  readonly grouped?: boolean
  /** When the number of shards last changed, epoch ms. */
  readonly changedAt: number
}

export const layoutValue = (layout: QueueLayout): JsonValue => ({ ...layout })

/** The layout in a document, as far as it is one of this life of the queue. */
export const layoutIn = (document: Document | undefined, generation: string): Partial<QueueLayout> => {
  const found = (document?.value ?? {}) as { readonly [K in keyof QueueLayout]?: unknown }
  if (found.generation !== generation) return {}
  return {
    generation,
    ...(isShards(found.shards) && { shards: found.shards }),
    ...(isShards(found.pollShards) && { pollShards: found.pollShards }),
    ...(found.grouped === true && { grouped: true }),
    ...(typeof found.changedAt === 'number' && { changedAt: found.changedAt }),
  }
}

const isShards = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LIMITS.shards
