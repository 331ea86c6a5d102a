import type { Engine } from '../engine.ts'
import type { ContentMessage } from '../model/content.ts'
import { fairGroupHash, groupPartition } from '../model/group.ts'
import type { NewMessage } from '../model/message.ts'
import { afterPurge, partitionOf, type QueueState } from '../model/queue-record.ts'
import { resultsKeptMs } from '../model/result.ts'
import { FRESH } from '../model/segment.ts'
import { sortKey } from '../model/segment-key.ts'
import type { NewSegment } from '../store/port.ts'

export interface SegmentPlan {
  readonly priority: number
  readonly dueAt: number
  readonly publishedAt: number
  readonly messages: readonly ContentMessage[]
  /** Seconds from the due time; the queue's retention when absent or longer. */
  readonly timeToLiveSeconds?: number | undefined
  /** @default a random one of the queue's */
  readonly shard?: number
  /** Hash of the messages' group, on a standard queue. */
  readonly group?: string | undefined
}

/** The part of a plan that follows from a message: messages with equal plans may share a segment. */
export type PlanOfMessage = Omit<SegmentPlan, 'messages' | 'shard'>

/** The plan for a message of a standard queue that is published at an instant. */
export const segmentPlanOf = ({ settings }: QueueState, message: NewMessage, now: number): PlanOfMessage => {
  const { delaySeconds = settings.delaySeconds, priority = 0, timeToLiveSeconds, groupId } = message
  const dueAt = Math.max(now, Math.round(message.dueAt ?? now + delaySeconds * 1_000))
  const group = groupId === undefined ? undefined : fairGroupHash(groupId)
  return { priority, dueAt, publishedAt: now, timeToLiveSeconds, group }
}

export const canShareSegment = (a: PlanOfMessage, b: PlanOfMessage): boolean =>
  a.priority === b.priority && a.dueAt === b.dueAt && a.timeToLiveSeconds === b.timeToLiveSeconds && a.group === b.group

/** A segment under a new key, with every message fresh. */
export const newSegment = (engine: Engine, queue: QueueState, plan: SegmentPlan): NewSegment => {
  const { priority, dueAt, publishedAt, messages } = plan
  const shard = plan.shard ?? Math.floor(engine.random.fraction() * queue.settings.shards)
  const keptSeconds = Math.min(plan.timeToLiveSeconds ?? Number.POSITIVE_INFINITY, queue.settings.retentionSeconds)
  // DynamoDB's TTL counts whole seconds. Rounded up, so that no message expires early.
  const expiresAt = Math.ceil((dueAt + keptSeconds * 1_000) / 1_000) * 1_000
  return {
    segment: {
      key: {
        partition: plan.group === undefined ? partitionOf(queue, shard) : groupPartition(queue, plan.group),
        sort: sortKey({ priority, dueAt, unique: engine.unique(dueAt) }),
      },
      version: 1,
      slots: messages.map(() => FRESH),
      // After a purge by a clock that is ahead, the messages still count as published later than the purge.
      publishedAt: afterPurge(queue, publishedAt),
      expiresAt,
      ...(queue.settings.results && { keptUntil: expiresAt + resultsKeptMs(queue.settings.results) }),
      bodyItems: 0,
    },
    content: { messages },
  }
}
