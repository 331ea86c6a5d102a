import type { Document } from './document.ts'
import { LIMITS } from './limits.ts'
import type { JsonValue } from './message.ts'

/**
 * Which partitions of a queue hold messages. Publishers and pollers write it. It is an item apart from the queue's record, so that
 * the role of a publisher can write it without the right to change the queue's settings.
 *
 * A publisher's role may write anything here, so the engine limits its effect: a layout can add shards, up to the limit, and can
 * never remove shards of the settings. A FIFO queue ignores the shards of its layout, because the sequence numbers of its groups
 * depend on the number of shards.
 */
export interface QueueLayout {
  /** The generation that the layout describes. A queue that was created again ignores an earlier generation's layout. */
  readonly generation: string
  /** Shards that publishers spread over. */
  readonly shards: number
  /** Shards that may still hold messages; more than `shards` after their number was lowered. */
  readonly pollShards: number
  /** Whether a message with a group was ever published to a standard queue. Only then do polls scan groups. */
  readonly grouped?: boolean
  /** When the number of shards last changed, epoch ms. */
  readonly changedAt: number
  /** How long the number of shards is kept before fewer are tried, ms. */
  readonly keptMs?: number
}

/** At least and at most so long is a number of shards kept before fewer are tried. */
export const SHARDS_KEPT_MS = { min: 600_000, max: 7_200_000 } as const

export const layoutValue = (layout: QueueLayout): JsonValue => ({ ...layout })

/** The layout in a document; empty if it belongs to another generation. */
export const layoutIn = (document: Document | undefined, generation: string): Partial<QueueLayout> => {
  const found = (document?.value ?? {}) as { readonly [K in keyof QueueLayout]?: unknown }
  if (found.generation !== generation) return {}
  return {
    generation,
    ...(isShards(found.shards) && { shards: found.shards }),
    ...(isShards(found.pollShards) && { pollShards: found.pollShards }),
    ...(found.grouped === true && { grouped: true }),
    ...(typeof found.changedAt === 'number' && { changedAt: found.changedAt }),
    ...(typeof found.keptMs === 'number' && { keptMs: clampKeptMs(found.keptMs) }),
  }
}

/** Whether a layout is that of a queue of the name that was created later. Its generation is the time of its creation, in base 36. */
export const isOfLaterQueue = (
  document: Document | undefined,
  { createdAt }: { readonly createdAt: number },
): boolean => {
  const { generation } = (document?.value ?? {}) as { readonly generation?: unknown }
  return typeof generation === 'string' && Number.parseInt(generation, 36) > createdAt
}

export const clampKeptMs = (ms: number): number => Math.min(SHARDS_KEPT_MS.max, Math.max(SHARDS_KEPT_MS.min, ms))

const isShards = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LIMITS.shards
