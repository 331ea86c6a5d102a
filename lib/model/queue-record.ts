import type { Document } from './document.ts'
import { LIMITS } from './limits.ts'
import type { JsonValue } from './message.ts'
import { layoutIn, type QueueLayout, SHARDS_KEPT_MS } from './queue-layout.ts'
import { plainName } from './queue-name.ts'
import type { Queue, QueueSettings } from './queue-settings.ts'
import { type Segment, segmentDueAt } from './segment.ts'
import { type SegmentPartition, withCachedId } from './segment-key.ts'

/**
 * The stored record of a queue. After the deletion of the queue its record stays for a while, marked as deleted, so that a new queue
 * of the name gets another generation, and its creation can fail because a queue was deleted recently.
 */
export interface QueueRecord {
  readonly settings: QueueSettings
  /** Names the partitions of this life of the queue. */
  readonly generation: string
  readonly createdAt: number
  readonly modifiedAt: number
  /** Messages published at or before this instant are purged. */
  readonly purgedAt?: number
  readonly deletedAt?: number
  /** When the delay of a FIFO queue was last lowered, epoch ms: locks of its tickets from before may last too long. */
  readonly delayLoweredAt?: number
  /**
   * When results were switched on after the queue's creation, epoch ms. For a while other processes may not know it, and ack without
   * a result. So results of messages that were received before every process knows are not kept.
   */
  readonly resultsSince?: number
  /** A random id of the last change, by which a process recognizes its own change after a lost response. */
  readonly changeId?: string
  /** Priorities that may still hold messages; more than `settings.priorities` after it was lowered. */
  readonly pollPriorities?: number
  /** When `settings.shards` was last lowered. */
  readonly shardsLoweredAt?: number
  readonly tags: Readonly<Record<string, string>>
  readonly extras: Readonly<Record<string, string>>
}

/** The present state of a queue: its record, and what its layout adds to it. `settings.shards` comes from the layout. */
export interface QueueState extends QueueRecord {
  readonly name: string
  /** Version of the record in the store. */
  readonly version: number
  /** Shards in the record itself; the layout may have more. */
  readonly recordShards: number
  /** Shards that may still hold messages; at least `settings.shards`. */
  readonly pollShards: number
  /** Whether a standard queue was ever published to with message groups. */
  readonly grouped: boolean
  /** When the number of shards last changed, epoch ms; 0 when it never did. */
  readonly shardsChangedAt: number
  /** How long the number of shards is kept before fewer are tried, ms. */
  readonly shardsKeptMs: number
  /** Version of the layout in the store; 0 when there is none. */
  readonly layoutVersion: number
}

/** The account and region before a queue's name; empty for the default ones. */
export const scopeOf = (name: string): string => name.slice(0, name.length - plainName(name).length).replace(/\/$/, '')

/** The state in the documents of a queue's record and layout, unless the queue is deleted. */
export const queueState = (
  name: string,
  document: Document | undefined,
  layout: Document | undefined,
): QueueState | undefined => {
  const record = document && recordIn(document)
  if (!record || record.deletedAt !== undefined) return undefined
  return withLayout(
    { ...record, name, version: document.version },
    layoutIn(layout, record.generation),
    layout?.version ?? 0,
  )
}

/** A queue's state with this layout. */
export const withLayout = (
  queue: QueueRecord & { readonly name: string; readonly version: number; readonly recordShards?: number },
  { shards = 0, pollShards = 0, grouped = false, changedAt = 0, keptMs = SHARDS_KEPT_MS.min }: Partial<QueueLayout>,
  layoutVersion: number,
): QueueState => {
  const { settings, recordShards = settings.shards } = queue
  const spread = settings.fifo ? recordShards : Math.max(recordShards, shards)
  return {
    ...queue,
    recordShards,
    settings: { ...settings, shards: spread },
    pollShards: settings.fifo ? spread : Math.max(spread, pollShards),
    grouped,
    shardsChangedAt: changedAt,
    shardsKeptMs: keptMs,
    layoutVersion,
  }
}

/** The layout in a queue's state. */
export const layoutOf = (queue: QueueState): QueueLayout => ({
  generation: queue.generation,
  shards: queue.settings.shards,
  pollShards: queue.pollShards,
  ...(queue.grouped && { grouped: true }),
  changedAt: queue.shardsChangedAt,
  ...(queue.shardsKeptMs !== SHARDS_KEPT_MS.min && { keptMs: queue.shardsKeptMs }),
})

/** Whether a stored value has what every operation takes for granted of a queue's record. */
export const isQueueRecord = (value: unknown): value is QueueRecord => {
  const { settings, generation, createdAt, tags, extras } = (value ?? {}) as Partial<QueueRecord>
  return (
    typeof generation === 'string' &&
    typeof createdAt === 'number' &&
    isPlain(settings) &&
    isPlain(tags) &&
    isPlain(extras) &&
    NUMBERS.every((name) => typeof settings[name] === 'number') &&
    isWithin(settings.shards, LIMITS.shards) &&
    isWithin(settings.priorities, LIMITS.priorities)
  )
}

const NUMBERS = ['visibilityTimeoutSeconds', 'delaySeconds', 'retentionSeconds', 'maximumMessageBytes'] as const
const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isWithin = (count: number, max: number): boolean => Number.isInteger(count) && count >= 1 && count <= max

export const recordIn = (document: Document): QueueRecord => document.value as unknown as QueueRecord
export const recordValue = (record: QueueRecord): JsonValue => {
  const { name, version, recordShards, pollShards, grouped, shardsChangedAt, shardsKeptMs, layoutVersion, ...plain } =
    record as QueueState
  const settings = { ...plain.settings, shards: recordShards ?? plain.settings.shards }
  return { ...plain, settings } as unknown as JsonValue
}

export const asQueue = ({ name, settings, createdAt, modifiedAt, tags, extras }: QueueState): Queue => ({
  name,
  settings,
  createdAt,
  modifiedAt,
  tags,
  extras,
})

const partitions = new WeakMap<QueueState, SegmentPartition[]>()

export const partitionOf = (queue: QueueState, shard: number): SegmentPartition => {
  let known = partitions.get(queue)
  if (!known) {
    known = []
    partitions.set(queue, known)
  }
  known[shard] ??= withCachedId({ queue: queue.name, generation: queue.generation, shard })
  return known[shard]
}

/** The number of shards that a poll scans. */
export const pollShards = (queue: QueueState): number => queue.pollShards

/** The number of priorities that a poll scans: messages that were published under a higher one stay receivable. */
export const pollPriorities = (queue: QueueState): number =>
  Math.max(queue.settings.priorities, queue.pollPriorities ?? 0)

/** An instant, moved behind the last purge if that purge was made by a clock that is ahead. */
export const afterPurge = ({ purgedAt = 0 }: QueueState, at: number): number => Math.max(at, purgedAt + 1)

/** Whether a message was published before the last purge. */
export const isPurged = (queue: QueueState, publishedAt: number): boolean =>
  queue.purgedAt !== undefined && publishedAt <= queue.purgedAt

/**
 * A segment with the queue's present delay. A change of a FIFO queue's delay also applies to the messages that are
 * in the queue already and were never received (SQS: "For FIFO queues, the per-queue delay setting is retroactive"); on
 * standard queues a segment keeps the due time that it was published with.
 */
export const asDelayed = ({ settings }: QueueState, segment: Segment): Segment => {
  if (!settings.fifo || segment.dueAt === undefined) return segment
  const dueAt = segment.publishedAt + settings.delaySeconds * 1_000
  return dueAt === segment.dueAt ? segment : { ...segment, dueAt }
}

/**
 * When the messages of a segment expire: at the instant written at their publish, or at the end of the queue's present retention
 * if that is sooner.
 */
export const expiryOf = (queue: QueueState, dueAt: number, expiresAt: number): number =>
  Math.min(expiresAt, dueAt + queue.settings.retentionSeconds * 1_000)

/** Whether the messages of a stored segment are purged or expired. */
export const isDropped = (queue: QueueState, segment: Segment, now: number): boolean =>
  expiryOf(queue, segmentDueAt(segment), segment.expiresAt) <= now || isPurged(queue, segment.publishedAt)
